package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"authfit/internal/edit"
	"authfit/internal/emulator"
	"authfit/internal/problem"
)

// authKitOptions are what a local AuthKit is like, in the commands that start one.
type authKitOptions struct {
	seed, state string
	lenient     []string
	requireMFA  bool
}

func (o *authKitOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.seed, "seed", "", "`FILE` of users, organizations and more, in YAML; otherwise the project's workos-emulate.config.yaml, if it has one")
	flags.StringVar(&o.state, "state", "", "`FILE` that keeps users, sessions and the rest; otherwise memory does")
	flags.StringSliceVar(&o.lenient, "lenient", nil, "`CHECKS` not to make, or all: "+strings.Join(emulator.CheckNames(), ", "))
	flags.BoolVar(&o.requireMFA, "require-mfa", false, "have everybody show a second factor")
}

// vendorSeeds are what WorkOS's own emulator reads without being told to.
var vendorSeeds = []string{"workos-emulate.config.yaml", "workos-emulate.config.yml", "workos-emulate.config.json"}

// authKit is an AuthKit that answers to a project's own client id and key, where
// its variables have some, and whose signing key is kept for the next time.
func (a *App) authKit(o *authKitOptions, get func(name string) string) (*emulator.Emulator, error) {
	e := &emulator.Emulator{
		APIKey: get("WORKOS_API_KEY"), ClientID: get("WORKOS_CLIENT_ID"), StateFile: o.state, RequireMFA: o.requireMFA,
		KeyFile: keptFile("emulator.pem"),
	}
	for _, name := range o.lenient {
		switch {
		case name == "all":
			e.Lenient = emulator.Checks()
		case slices.Contains(emulator.CheckNames(), name):
			e.Lenient = append(e.Lenient, emulator.Check(name))
		default:
			return nil, problem.New("usage", "--lenient: there is no check %q", name).WithFix("name some of %s, or all", strings.Join(emulator.CheckNames(), ", "))
		}
	}
	return e, a.plantSeeds(o, e)
}

// plantSeeds reads the file of seeds, or the vendor's in the project's folder.
func (a *App) plantSeeds(o *authKitOptions, e *emulator.Emulator) error {
	file, shown := o.seed, o.seed
	if file == "" {
		dir, err := a.dir()
		if err != nil {
			return err
		}
		for _, name := range vendorSeeds {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				file, shown = filepath.Join(dir, name), name
				break
			}
		}
		if file == "" {
			return nil
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return problem.New("seed-unreadable", "cannot read the seeds: %v", reasonOf(err)).At(shown, 0)
	}
	seed := e.Seed
	if slices.Contains(vendorSeeds, filepath.Base(file)) {
		seed = e.SeedVendor
	}
	notes, err := seed(text)
	if wrong := new(emulator.SeedError); errors.As(err, &wrong) {
		return problem.New("seed-invalid", "%s", wrong.Text).At(shown, wrong.Line).WithFix("docs/authkit.md says what a file of seeds can have")
	}
	for _, note := range notes {
		fmt.Fprintf(a.Err, "note: %s: %s\n", shown, note)
	}
	if _, there := os.Stat(o.state); o.state != "" && there == nil {
		fmt.Fprintf(a.Err, "note: %s: users are in the state file already; the seeds are planted into a new one\n", shown)
	}
	return err
}

// reasonOf is what went wrong with a file, without its name.
func reasonOf(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// keptFile names a file of the local AuthKit in the user's cache, or nothing
// where there is none: then it is made anew each time.
func keptFile(name string) string {
	cache, err := os.UserCacheDir()
	if err != nil || os.MkdirAll(filepath.Join(cache, "authfit"), 0o700) != nil {
		return ""
	}
	return filepath.Join(cache, "authfit", name)
}

type emulateOptions struct {
	authKitOptions
	addr      string
	addrGiven bool
	redirects []string
	tls       bool
}

func newEmulate(app *App) *cobra.Command {
	o := &emulateOptions{addr: emulator.DefaultAddr}
	cmd := &cobra.Command{
		Use:   "emulate",
		Short: "Run a local AuthKit for the project",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.addrGiven = cmd.Flags().Changed("addr")
			return app.emulate(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.addr, "addr", o.addr, "where to listen; loopback only; port 0 takes a free one; otherwise that of WORKOS_BASE_URL in .env, if it has one here")
	cmd.Flags().StringArrayVar(&o.redirects, "redirect-uri", nil, "a redirect `URI` to register, besides the one in .env")
	cmd.Flags().BoolVar(&o.tls, "tls", false, "serve https, with a certificate that is made for this machine and kept")
	o.register(cmd.Flags())
	return cmd
}

// localAddr is where an address of this machine's leads, or nothing.
func localAddr(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Port() == "" || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
		return ""
	}
	return u.Host
}

// emulation is the first line of `emulate --output json`, and the only one.
type emulation struct {
	Schema       string   `json:"schema"`
	URL          string   `json:"url"`
	Inspector    string   `json:"inspector_url"`
	ClientID     string   `json:"client_id"`
	APIKey       string   `json:"api_key,omitempty"` // where it is the emulator's own, which is no secret
	RedirectURIs []string `json:"redirect_uris"`
	Certificate  string   `json:"certificate,omitempty"` // for a client to trust
}

// emulate serves until it is interrupted. It takes the client id, the key and
// the redirect URI that the project's .env has for its own.
func (a *App) emulate(ctx context.Context, o *emulateOptions) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return problem.New("no-folder", "there is no folder %s", a.Dir).WithFix("name the project's folder with -C")
	}
	env := edit.ParseEnv(nil)
	if src, err := os.ReadFile(filepath.Join(dir, ".env")); err == nil {
		env = edit.ParseEnv(src)
	}
	get := func(key string) string { value, _, _ := env.Get(key); return value }
	if !o.addrGiven { // where the app looks for it
		o.addr = cmp.Or(localAddr(get("WORKOS_BASE_URL")), o.addr)
	}
	e, err := a.authKit(&o.authKitOptions, get)
	if err != nil {
		return err
	}
	for _, uri := range o.redirects {
		if err := emulator.CheckAddress(uri); err != nil {
			return problem.New("usage", "--redirect-uri: %v", err).WithFix("write it as http://localhost:8000/callback")
		}
	}
	e.RedirectURIs = append(e.RedirectURIs, o.redirects...)
	if uri := get("WORKOS_REDIRECT_URI"); uri != "" {
		e.RedirectURIs = append(e.RedirectURIs, uri)
	}
	if !a.json() && !a.Quiet {
		e.Log = a.requests()
	}
	server, certificate, err := startAuthKit(e, o)
	if err != nil {
		return problem.New("no-start", "the local AuthKit does not start: %v", err)
	}
	said := emulation{
		"authfit.emulate/1", server.URL, server.URL + "/_authfit", e.ClientID, "", e.Redirects(), certificate,
	}
	if e.APIKey == emulator.DefaultAPIKey {
		said.APIKey = e.APIKey
	}
	if err := a.introduce(said, e); err != nil {
		server.Close()
		return err
	}
	<-ctx.Done()
	return server.Close()
}

func startAuthKit(e *emulator.Emulator, o *emulateOptions) (server *emulator.Server, certificate string, err error) {
	if !o.tls {
		server, err = e.Start(o.addr)
		return server, "", err
	}
	file := keptFile("emulator-tls.pem")
	if file == "" {
		return nil, "", errors.New("--tls keeps its certificate in the user's cache, and there is none; set HOME or XDG_CACHE_HOME")
	}
	pair, certificate, err := emulator.LocalCertificate(file)
	if err != nil {
		return nil, "", err
	}
	server, err = e.StartTLS(o.addr, pair)
	return server, certificate, err
}

// requests prints each request with what came of it, without secrets. Requests
// are answered side by side, and printed one after the other.
func (a *App) requests() func(emulator.Request) {
	var mu sync.Mutex
	return func(r emulator.Request) {
		mu.Lock()
		defer mu.Unlock()
		a.print("%s", r)
	}
}

// introduce says where the AuthKit is, and how it is signed in to.
func (a *App) introduce(said emulation, e *emulator.Emulator) error {
	if a.json() {
		// On one line: a program reads it while the emulator goes on.
		return json.NewEncoder(a.Out).Encode(said)
	}
	a.print("a local AuthKit is at %s; what it is asked, its mail and its clock are at %s", said.URL, said.Inspector)
	for i, email := range e.DefaultEmails() {
		if i == 0 {
			a.print("sign in as %s with the password %s", email, emulator.DefaultPassword)
		} else {
			a.print("or sign up, or sign in as %s, a member of two organizations, with the same password", email)
		}
	}
	for _, uri := range said.RedirectURIs {
		a.print("redirect URI: %s", uri)
	}
	if said.Certificate != "" {
		a.print("certificate to trust: %s (SSL_CERT_FILE for the WorkOS SDK)", said.Certificate)
	}
	a.print("stop it with Ctrl-C")
	return nil
}
