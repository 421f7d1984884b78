package verify

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"authfit/internal/emulator"
	"authfit/internal/plan"
)

// commandLimit is how long a check's command may take. A first import on a
// small machine compiles a framework's every file.
const commandLimit = 2 * time.Minute

// newSecrets makes up what the app needs for one run.
func newSecrets() (map[string]string, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	// A Fernet key: 32 bytes in URL-safe base64 with padding.
	return map[string]string{"WORKOS_COOKIE_PASSWORD": base64.URLEncoding.EncodeToString(key)}, nil
}

// origin is where the app is reached.
func (r *runner) origin() string { return "http://" + r.host() + ":" + strconv.Itoa(r.port) }

// host is the name of this machine in the project's own redirect URI: an app
// may answer to one of them only. To a browser they are two sites.
func (r *runner) host() string {
	uri, ok := r.environ["WORKOS_REDIRECT_URI"]
	if !ok {
		uri = r.file["WORKOS_REDIRECT_URI"]
	}
	if u, err := url.Parse(uri); err == nil && u.Hostname() == "127.0.0.1" {
		return "127.0.0.1"
	}
	return "localhost"
}

// replaced are the variables that take the place of the project's own, so that
// the app talks to the emulator at base and to nobody else.
func (r *runner) replaced(base string) map[string]string {
	callback := "/callback"
	if l := r.opts.Plan.Login; l != nil {
		callback = l.Callback
	}
	return map[string]string{
		"WORKOS_API_KEY":         emulator.DefaultAPIKey,
		"WORKOS_CLIENT_ID":       emulator.DefaultClientID,
		"WORKOS_BASE_URL":        base,
		"WORKOS_REDIRECT_URI":    r.origin() + callback,
		"WORKOS_COOKIE_PASSWORD": r.secrets["WORKOS_COOKIE_PASSWORD"],
	}
}

// env is the environment for what runs in the copy.
func (r *runner) env(base string) []string {
	env := maps.Clone(r.environ)
	for name := range env {
		// WORKOS_ISSUER and what else there may be would speak of the real one.
		if strings.HasPrefix(name, "WORKOS_") {
			delete(env, name)
		}
	}
	maps.Copy(env, r.replaced(base))
	// The copy comes first, also before an editable installation of the project.
	paths := []string{}
	if l := r.opts.Plan.Login; l != nil {
		for _, kv := range l.Env {
			if name, value, ok := strings.Cut(kv, "="); ok {
				env[name] = r.fill(value)
			}
		}
		for _, p := range l.Paths {
			paths = append(paths, filepath.Join(r.dir, filepath.FromSlash(p)))
		}
	}
	for _, p := range filepath.SplitList(r.environ["PYTHONPATH"]) {
		if rel, err := filepath.Rel(r.root, p); err == nil && filepath.IsAbs(p) && within(r.root, p) {
			p = filepath.Join(r.dir, rel)
		}
		paths = append(paths, p)
	}
	if len(paths) > 0 {
		env["PYTHONPATH"] = strings.Join(paths, string(filepath.ListSeparator))
	}
	// Nothing of the user's is written, not even compiled files.
	env["PYTHONDONTWRITEBYTECODE"] = "1"
	env["PYTHONUNBUFFERED"] = "1"
	// The emulator is on this machine, whatever proxy the user has.
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		env[name] = strings.Trim(env[name]+",localhost,127.0.0.1", ",")
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// fill puts this run's values in the place of {python}, {port}, {origin} and
// {scratch}, the folder of this run, with slashes: sqlite:///{scratch}/db is a URL.
func (r *runner) fill(s string) string {
	return strings.NewReplacer(
		"{python}", r.python,
		"{port}", strconv.Itoa(r.appPort),
		"{origin}", r.origin(),
		"{scratch}", filepath.ToSlash(r.tmp),
	).Replace(s)
}

func (r *runner) fillAll(argv []string) []string {
	out := make([]string, len(argv))
	for i, arg := range argv {
		out[i] = r.fill(arg)
	}
	return out
}

// nowhere is a base URL at which nothing listens, for what needs no AuthKit.
const nowhere = "http://127.0.0.1:9"

// command runs a command in the copy to its end and returns what it wrote.
func (r *runner) command(ctx context.Context, argv []string, dir, base string) ([]string, error) {
	p := &Process{Argv: r.fillAll(argv), Dir: dir, Env: r.env(base), Mask: r.mask}
	if err := p.Start(); err != nil {
		return nil, failed("", "%s does not start: %v", show(argv), reason(err))
	}
	defer p.Stop()
	select {
	case <-p.Done():
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(commandLimit):
		return p.LastLines(20), failed("", "%s has not ended after %s", show(argv), commandLimit)
	}
	if p.err != nil {
		lines := p.LastLines(keptLines)
		why := exception(lines, r.dir)
		if why == "" {
			why = p.Ending()
		}
		return lines, failed("", "%s: %s", show(argv), why)
	}
	return p.LastLines(keptLines), nil
}

// show is a command as a person would type it.
func show(argv []string) string {
	words := slices.Clone(argv)
	words[0] = filepath.Base(words[0])
	if argv[0] == "{python}" {
		words[0] = "python"
	}
	for i, w := range words {
		if line, rest, _ := strings.Cut(w, "\n"); rest != "" {
			w = line + " ..."
		}
		if strings.ContainsAny(w, " \n\"'();") {
			words[i] = strconv.Quote(w)
		}
	}
	return strings.Join(words, " ")
}

const importSDK = `import workos
from workos import WorkOSClient
from importlib.metadata import version
print("workos", version("workos"))`

// sdk checks that the app's interpreter can import the SDK from the app's folder.
func (r *runner) sdk(ctx context.Context) {
	r.try(ctx, "sdk", func() (string, error) {
		if r.python == "" {
			return "", failed("make an environment and install the project in it, or run `authfit add`", "the project has no Python interpreter")
		}
		lines, err := r.command(ctx, []string{"{python}", "-c", importSDK}, r.appDir(), nowhere)
		if err == nil {
			return fmt.Sprintf("%s in %s", lines[len(lines)-1], r.python), nil
		}
		fix := "install it with the project's package manager, or run `authfit add`"
		for _, name := range []string{"workos.py", "workos/__init__.py"} {
			if _, statErr := os.Stat(filepath.Join(r.appDir(), name)); statErr == nil {
				fix = "rename " + name + ": the app finds it in the place of the SDK"
			}
		}
		why := exception(lines, r.dir)
		if why == "" {
			why = err.Error() + indent(tailOf(lines, 5))
		}
		return "", failed(fix, "%s cannot import the workos SDK: %s", r.python, why)
	})
}

// credentials checks what the app would read, and shows no value.
func (r *runner) credentials() {
	value := func(name string) (string, string) {
		if v, ok := r.environ[name]; ok {
			return v, "the environment"
		}
		if v, ok := r.file[name]; ok {
			return v, r.envFile
		}
		return "", ""
	}
	var wrong, right []string
	for _, key := range []struct{ name, prefix, local string }{
		{"WORKOS_API_KEY", "sk_", emulator.DefaultAPIKey},
		{"WORKOS_CLIENT_ID", "client_", emulator.DefaultClientID},
	} {
		v, from := value(key.name)
		switch {
		case v == "":
			wrong = append(wrong, key.name+" is not set")
		case !strings.HasPrefix(v, key.prefix):
			wrong = append(wrong, fmt.Sprintf("%s in %s does not begin with %s", key.name, from, key.prefix))
		case strings.Contains(v, "..."):
			wrong = append(wrong, fmt.Sprintf("%s in %s is a placeholder", key.name, from))
		case v == key.local:
			right = append(right, fmt.Sprintf("%s in %s (the local emulator's)", key.name, from))
		default:
			right = append(right, fmt.Sprintf("%s in %s", key.name, from))
		}
	}
	if len(wrong) > 0 {
		r.add(Check{ID: "credentials", Status: Fail, Detail: strings.Join(wrong, "; "),
			Fix: "copy them from the API keys page of the WorkOS dashboard into the project's .env"})
		return
	}
	r.add(Check{ID: "credentials", Status: Pass, Detail: strings.Join(right, ", ")})
}

// probes runs the plan's own. Several of one name are one check.
func (r *runner) probes(ctx context.Context) {
	var ids []string
	byID := map[string][]plan.Probe{}
	for _, p := range r.opts.Plan.Probes {
		if len(p.Argv) == 0 || p.ID == "sdk" || p.ID == "credentials" {
			continue
		}
		if byID[p.ID] == nil {
			ids = append(ids, p.ID)
		}
		byID[p.ID] = append(byID[p.ID], p)
	}
	for _, id := range ids {
		r.try(ctx, id, func() (string, error) {
			var passed []string
			for _, p := range byID[id] {
				lines, err := r.command(ctx, p.Argv, filepath.Join(r.dir, filepath.FromSlash(p.Dir)), nowhere)
				if err != nil {
					return "", failed(cmp.Or(databaseFix(err.Error()), "mend what it says; "+show(p.Argv)+" shows it in the project too"), "%v%s", err, indent(tailOf(lines, 20)))
				}
				passed = append(passed, show(p.Argv))
			}
			return strings.Join(passed, ", ") + ": no complaint", nil
		})
	}
}

func tailOf(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }

// reason is the cause of an error without the path that the sentence has already.
func reason(err error) error {
	switch e := err.(type) { //nolint:errorlint // one level is meant
	case *os.PathError:
		return e.Err
	case *url.Error:
		return e.Err
	case interface{ Unwrap() error }:
		return e.Unwrap()
	}
	return err
}
