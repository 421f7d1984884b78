package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"authfit/internal/devserver"
	"authfit/internal/emulator"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/verify"
)

type devOptions struct {
	authKitOptions
	port, authkitPort int
	noOpen            bool
	command           []string // in the place of the framework's own server
}

func newDev(app *App) *cobra.Command {
	o := &devOptions{}
	cmd := &cobra.Command{
		Use:   "dev [-- COMMAND...]",
		Short: "Run the app's own dev server and a local AuthKit, wired together",
		Long: "dev starts a local AuthKit and the framework's own development server, with its reloader, and tells the\n" +
			"app of the AuthKit by environment variables; it writes nothing. Ctrl-C stops both, with exit code 0.\n\n" +
			"A COMMAND is run in the project's folder in the place of the framework's server. In it {python} stands\n" +
			"for the project's interpreter and {port} for the port, which the variable PORT has too.",
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() != 0 && len(args) > 0 {
				return problem.New("usage", "dev takes no argument %q", args[0]).
					WithFix("name the project's folder with -C; a command comes after two dashes: authfit dev -- COMMAND")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.command = args
			return app.dev(cmd.Context(), o)
		},
	}
	cmd.Flags().IntVar(&o.port, "port", 0, "the app's `PORT`; otherwise that of WORKOS_REDIRECT_URI, or one above it that is free")
	cmd.Flags().IntVar(&o.authkitPort, "authkit-port", 0, "the AuthKit's `PORT`; otherwise that of WORKOS_BASE_URL, or one above it that is free")
	cmd.Flags().BoolVar(&o.noOpen, "no-open", false, "leave the browser alone")
	o.register(cmd.Flags())
	return cmd
}

// A devRun is one run of dev: the project, and what has been settled for it.
type devRun struct {
	*App
	p        *planned
	login    *plan.Login // how the app is started and where its login is
	settings devserver.Settings
	log      *devserver.Log
	port     int // of the app, as a browser reaches it
	behind   int // of its server: another where a path is cut off in between
	app      *url.URL
	callback *url.URL
}

// dev runs the app and its AuthKit until it is interrupted. That is how it is
// meant to end, and nothing is put back then: the exit code is 0.
func (a *App) dev(ctx context.Context, o *devOptions) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &devRun{App: a, log: a.devLog(stop)}
	var err error
	if r.p, err = a.prepare(ctx, true); err != nil {
		return err
	}
	if err := r.startable(o); err != nil {
		return err
	}
	src, err := os.ReadFile(filepath.Join(r.p.project.Root, filepath.FromSlash(r.p.project.Env.File)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return problem.New("env-unreadable", "cannot read the environment file: %v", reasonOf(err)).At(r.p.project.Env.File, 0)
	}
	r.settings = devserver.NewSettings(os.Environ(), src)
	authKitPort, err := r.ports(o)
	if err != nil {
		return err
	}
	host, _ := r.settings.AuthKit()
	e, err := a.authKit(&o.authKitOptions, r.settings.Get)
	if err != nil {
		return err
	}
	e.RedirectURIs = append(e.RedirectURIs, r.callback.String())
	e.LogoutURIs = append([]string{r.app.String()}, e.LogoutURIs...)
	if e.SignInURL == "" && r.login.LoginURL != "" { // where links in mails lead
		e.SignInURL = r.app.ResolveReference(&url.URL{Path: r.login.LoginURL}).String()
	}
	e.Log = r.request
	authKit, err := e.Start(net.JoinHostPort(host, strconv.Itoa(authKitPort)))
	if err != nil {
		return problem.New("no-start", "the local AuthKit does not start: %v", err)
	}
	defer authKit.Close()
	server, err := r.server(e, authKit.URL, o.command)
	if err != nil {
		return err
	}
	if proxy, err := r.strip(ctx); err != nil {
		return err
	} else if proxy != nil {
		defer proxy.Close()
	}
	r.present(e, authKit.URL, server.Argv)
	server.Ready = func() { r.ready(authKit.URL, o) }
	if err := server.Run(ctx); err != nil {
		return problem.New("no-start", "%s does not start: %v", commandLine(server.Argv), reasonOf(err))
	}
	r.note("stopped: nothing of the app and its AuthKit is left")
	return nil
}

// startable refuses what there is no command for.
func (r *devRun) startable(o *devOptions) error {
	r.login = r.p.plan.Login
	if len(o.command) > 0 {
		if r.login == nil { // of a framework that there is no room for
			r.login = &plan.Login{Home: "/", Callback: "/callback"}
		}
		return nil
	}
	if r.login == nil || len(r.login.Dev) == 0 {
		if err := firstProblem(r.p.plan); err != nil {
			return err
		}
		return problem.New("no-app", "it is not known how this app is started").WithFix("give the command: authfit dev -- COMMAND")
	}
	if app := r.p.project.App(); app.Framework == "vanilla" {
		return problem.New("no-app", "there is no web app here that could be started").
			WithFix("`authfit add` gives the project a small server with a login; another is started by authfit dev -- COMMAND")
	}
	python := r.p.plan.Interpreter(r.p.project.Root)
	if _, err := os.Stat(python); python == "" || err != nil {
		return problem.New("no-environment", "the project has no Python environment yet").
			WithFix("install the project with its package manager, or let `authfit add` do it")
	}
	return nil
}

// ports settles where the app is, and on which port its AuthKit.
func (r *devRun) ports(o *devOptions) (authKit int, err error) {
	otherwise := "http://localhost:8000" + r.login.Callback
	for _, key := range r.p.plan.Env { // what add would write
		if key.Key == "WORKOS_REDIRECT_URI" {
			otherwise = key.Value
		}
	}
	given := r.settings.Callback(otherwise)
	usual, err := strconv.Atoi(given.Port())
	if err != nil {
		usual = 80
	}
	if r.port, err = devserver.Port("--port", o.port, usual); err != nil {
		return 0, err
	}
	_, usualAuthKit := r.settings.AuthKit()
	if authKit, err = devserver.Port("--authkit-port", o.authkitPort, usualAuthKit, r.port); err != nil {
		return 0, err
	}
	for _, p := range []struct{ asked, usual, got int }{{o.port, usual, r.port}, {o.authkitPort, usualAuthKit, authKit}} {
		if p.asked == 0 && p.got != p.usual {
			r.note("port %d is taken: %d is used, and the app is told so", p.usual, p.got)
		}
	}
	r.behind = r.port
	if r.login.Strip != "" {
		if r.behind, err = verify.FreePort(); err != nil {
			return 0, err
		}
	}
	r.callback = devserver.At(given, r.port)
	r.app = &url.URL{Scheme: "http", Host: r.callback.Host, Path: r.login.Home}
	return authKit, nil
}

// server is the app's server, told of its AuthKit.
func (r *devRun) server(e *emulator.Emulator, authKit string, command []string) (*devserver.Server, error) {
	root, python := r.p.project.Root, r.p.plan.Interpreter(r.p.project.Root)
	argv, dir := r.login.Dev, filepath.Join(root, filepath.FromSlash(r.login.Dir))
	w := devserver.Wiring{APIKey: e.APIKey, ClientID: e.ClientID, AuthKit: authKit, RedirectURI: r.callback.String()}
	for _, kv := range r.login.Env {
		if !strings.Contains(kv, "{scratch}") { // the check of a login has a database of its own
			w.Env = append(w.Env, kv)
		}
	}
	for _, path := range r.login.Paths {
		w.Paths = append(w.Paths, filepath.Join(root, filepath.FromSlash(path)))
	}
	set, err := w.Tell(r.settings)
	if err != nil {
		return nil, err
	}
	if err := r.overruled(set); err != nil {
		return nil, err
	}
	bin := ""
	if venv := r.p.project.Python.Venv; venv != "" { // as if it were activated
		bin = filepath.Dir(python)
		set["VIRTUAL_ENV"], set["PATH"] = venv, bin+string(filepath.ListSeparator)+os.Getenv("PATH")
	}
	if len(command) > 0 {
		argv, dir = slices.Clone(command), root
		set["PORT"] = strconv.Itoa(r.behind)
		if own, err := exec.LookPath(filepath.Join(bin, argv[0])); bin != "" && err == nil && filepath.Base(argv[0]) == argv[0] {
			argv[0] = own
		}
	}
	return &devserver.Server{
		Argv: devserver.Fill(argv, python, r.behind), Dir: dir, Root: root,
		Env: r.settings.Environ(set), Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(r.behind)),
		Mask:   r.settings.Mask(),
		Output: func(line string) { r.log.Line("app", line) },
		Note:   func(line string) { r.log.Line("authfit", line) },
	}, nil
}

// overruled refuses an app that lets its environment file have the last word,
// where that says something else: it could reach the real AuthKit.
func (r *devRun) overruled(set map[string]string) error {
	name, found := r.settings.Overruled(set)
	if !found {
		return nil
	}
	for file, src := range r.p.project.Tree.Sources("override", "overwrite") {
		var p *problem.Problem
		src.Walk(func(n pysyntax.Node) bool {
			if call, ok := n.(*pysyntax.Call); ok && p == nil && overrides(src, call) {
				p = problem.New("env-overrides", "this lets %s overrule the environment, and its %s is not what the local AuthKit needs", r.p.project.Env.File, name).
					At(file, src.Line(call.Pos())).
					WithFix("take the override out, or %s out of %s", name, r.p.project.Env.File)
			}
			return p == nil
		})
		if p != nil {
			return p
		}
	}
	return nil
}

// overrides says whether a call reads an environment file over the environment,
// with python-dotenv or django-environ.
func overrides(f *pysyntax.File, call *pysyntax.Call) bool {
	name := pysyntax.Dotted(call.Func)
	for reader, keyword := range map[string]string{"load_dotenv": "override", "read_env": "overwrite"} {
		if value := call.Keyword(keyword); value != nil && strings.HasSuffix("."+name, "."+reader) && f.Text(value) == "True" {
			return true
		}
	}
	return false
}

// strip cuts a path off in front of an app that is served below one; nil where
// there is none.
func (r *devRun) strip(ctx context.Context) (*http.Server, error) {
	if r.login.Strip == "" {
		return nil, nil
	}
	port := func(p int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p)) }
	return verify.Strip(ctx, r.login.Strip, port(r.port), port(r.behind))
}

// present says where everything is.
func (r *devRun) present(e *emulator.Emulator, authKit string, argv []string) {
	if !r.json() {
		r.print("app        %s", r.app)
		r.print("authkit    %s", authKit)
		r.print("inspector  %s", inspector(authKit))
		if emails := e.DefaultEmails(); len(emails) > 0 {
			r.print("sign in as %s with the password %s", emails[0], emulator.DefaultPassword)
		}
		r.print("stop both with Ctrl-C\n")
	}
	if !slices.ContainsFunc(r.p.project.Present, func(p project.Present) bool { return p.Kind == "authkit" }) {
		r.note("this app has no login yet: `authfit add` writes one")
	}
	if r.p.project.Env.Keys["WORKOS_REDIRECT_URI"] == project.KeyOK && r.settings.Get("WORKOS_REDIRECT_URI") != r.callback.String() {
		r.note("WORKOS_REDIRECT_URI is %s here", r.callback)
	}
	r.note("%s", strings.ReplaceAll(commandLine(argv), r.p.project.Root+string(filepath.Separator), ""))
}

// ready says to a program, or shows a person, that the app can be opened.
func (r *devRun) ready(authKit string, o *devOptions) {
	if r.json() {
		line, err := json.Marshal(struct {
			Schema    string `json:"schema"`
			App       string `json:"app_url"`
			AuthKit   string `json:"authkit_url"`
			Inspector string `json:"inspector_url"`
			Redirect  string `json:"redirect_uri"`
		}{"authfit.dev/1", r.app.String(), authKit, inspector(authKit), r.callback.String()})
		if err == nil {
			r.print("%s", line)
		}
		return
	}
	if !o.noOpen && !r.NoInput && isTerminal(r.In) && terminal(r.Out) && devserver.Open(r.app.String()) {
		r.note("the browser is opened; --no-open leaves it alone")
	}
}

func inspector(authKit string) string { return authKit + "/_authfit" }

// request notes a request that the AuthKit has answered.
func (r *devRun) request(q emulator.Request) {
	if !r.Quiet {
		r.log.Line("authkit", q.String())
	}
}

// note says what becomes of the app, among its own lines.
func (r *devRun) note(format string, args ...any) {
	if !r.Quiet {
		r.log.Line("authfit", fmt.Sprintf(format, args...))
	}
}

// devLog is where the lines of the app and its AuthKit go: to standard output,
// unless a program reads that.
func (a *App) devLog(unread func()) *devserver.Log {
	w := a.Out
	if a.json() {
		w = a.Err
	}
	return &devserver.Log{W: w, Colour: terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", Unread: unread}
}

// terminal says whether a person sees what is written.
func terminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && isTerminal(file)
}
