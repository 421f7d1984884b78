// Command bench measures authfit beside its peers, each pair in one run on one
// machine: the figures are medians, and what is to be compared is the ratio.
//
//	start-up    authfit --help
//	inspect     authfit inspect on a typical app, on Django's own source tree (with examples/django put into its root, so
//	            that there is an app to find) and on a monorepo, beside rg --files, ruff check --select F821 --no-cache
//	            and, on the app, the framework's own search for it
//	parser      pysyntax.Parse over those files, held in memory, beside ast.parse and LibCST
//	add         authfit add --no-verify on an example, beside nothing but the package manager's commands of its plan
//	requests    a view of the examples behind gunicorn and uvicorn, unprotected, protected by the login that authfit added,
//	            and protected as the SDK's quickstart does; and a login's own work
//	authkit     authfit emulate beside the npm package workos's emulate and mockoidc: first answer after the start, memory,
//	            logins per second and their p99 with 1, 8 and 64 clients; then 100,000 logins to authfit emulate, beside the
//	            RSA-2048 signatures of openssl, of Go and of the emulator. It needs node, npm, openssl and Linux's /proc.
//
// All of them are measured, or those that its arguments name.
// It runs in the environment of .cache/env, which `make bench` sources.
package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"authfit/internal/pysyntax"
	"authfit/internal/verify"
)

//go:embed peers.py
var peersScript string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A bench is one run: the binary under test, and a folder for what it needs.
type bench struct {
	ctx     context.Context
	authfit string
	dir     string // removed at the end
	python  string // with the frameworks and the SDK
}

func run(ctx context.Context, names []string) error {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		return errors.New("run it as `make bench`, which sets up what it needs")
	}
	dir, err := os.MkdirTemp("", "authfit-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{ctx, filepath.Join(dir, "authfit"), dir, python}
	if _, err := b.command("", "go", "build", "-trimpath", "-o", b.authfit, "./cmd/authfit"); err != nil {
		return err
	}
	fmt.Printf("%s/%s, %d processors, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	tree, err := b.djangoTree()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"start-up", b.startUp},
		{"inspect", b.inspections},
		{"inspect", func() error {
			fmt.Println("\ninspect, on Django's source tree")
			return b.inspectBeside(tree, 11, "")
		}},
		{"parser", func() error { return b.parser(tree) }},
		{"add", func() error { return b.add("flask", "pip") }},
		{"add", func() error { return b.add("django", "uv") }},
		{"requests", b.requests},
		{"authkit", b.authkits},
	} {
		if len(names) > 0 && !slices.Contains(names, part.name) {
			continue
		}
		if err := part.run(); err != nil {
			return err
		}
	}
	return nil
}

// command runs a program to its end and returns what it wrote.
func (b *bench) command(dir string, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(b.ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "VIRTUAL_ENV=")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s%s", err, out, exit.Stderr)
		}
		return nil, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return out, nil
}

// timed is how long a program takes from start to exit.
func (b *bench) timed(dir string, argv ...string) (time.Duration, error) {
	start := time.Now()
	_, err := b.command(dir, argv...)
	return time.Since(start), err
}

// medians calls each of some functions n times, in turn, so that what else the
// machine does falls on all of them.
func medians(n int, each ...func() (time.Duration, error)) ([]time.Duration, error) {
	taken := make([][]time.Duration, len(each))
	for range n {
		for i, f := range each {
			d, err := f()
			if err != nil {
				return nil, err
			}
			taken[i] = append(taken[i], d)
		}
	}
	out := make([]time.Duration, len(each))
	for i, t := range taken {
		out[i] = median(t)
	}
	return out, nil
}

func median[T cmp.Ordered](of []T) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// row prints one line of the table. A peer of 0 is the one that others are
// compared with.
func row(what string, d, beside time.Duration, note string) {
	ratio := ""
	if beside > 0 {
		ratio = fmt.Sprintf("%.2f x", float64(d)/float64(beside))
	}
	fmt.Printf("  %-44s %9.1f ms  %8s  %s\n", what, float64(d.Microseconds())/1000, ratio, note)
}

func (b *bench) startUp() error {
	t, err := medians(21,
		func() (time.Duration, error) { return b.timed("", b.authfit, "--help") },
		func() (time.Duration, error) { return b.timed("", "ruff", "--version") },
		func() (time.Duration, error) { return b.timed("", b.python, "-c", "pass") },
	)
	if err != nil {
		return err
	}
	fmt.Println("\nstart-up")
	row("authfit --help", t[0], 0, "")
	row("ruff --version", t[1], t[0], "")
	row("python -c pass", t[2], t[0], "")
	return nil
}

// djangoTree is a copy of Django's source with examples/django in its root.
func (b *bench) djangoTree() (string, error) {
	out, err := b.command("", b.python, "-c", "import django, os; print(os.path.dirname(django.__file__))")
	if err != nil {
		return "", err
	}
	tree := filepath.Join(b.dir, "tree")
	if err := verify.CopyProject("examples/django", tree); err != nil {
		return "", err
	}
	return tree, verify.CopyProject(strings.TrimSpace(string(out)), filepath.Join(tree, "django"))
}

func (b *bench) parser(tree string) error {
	var names []string
	var sources [][]byte
	size := 0
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".py") {
			return err
		}
		src, err := os.ReadFile(path)
		names, sources, size = append(names, path), append(sources, src), size+len(src)
		return err
	})
	if err != nil {
		return err
	}
	list := filepath.Join(b.dir, "files.txt")
	if err := os.WriteFile(list, []byte(strings.Join(names, "\n")), 0o600); err != nil {
		return err
	}
	libcst, err := b.peers()
	if err != nil {
		return err
	}
	peer := func(module string, runs int) (time.Duration, error) {
		out, err := b.command("", libcst, "-c", peersScript, module, list, strconv.Itoa(runs))
		if err != nil {
			return 0, err
		}
		seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		return time.Duration(seconds * float64(time.Second)), err
	}
	parse := func(procs int) func() (time.Duration, error) {
		return func() (time.Duration, error) { return parseAll(sources, procs) }
	}
	t, err := medians(7, parse(1), parse(runtime.NumCPU()))
	if err != nil {
		return err
	}
	ast, err := peer("ast", 3)
	if err != nil {
		return err
	}
	cst, err := peer("libcst", 1)
	if err != nil {
		return err
	}
	speed := func(d time.Duration) string { return fmt.Sprintf("%.1f MB/s", float64(size)/1e6/d.Seconds()) }
	fmt.Printf("\nparser alone, on the same %d files, %.1f MB in memory\n", len(names), float64(size)/1e6)
	row("pysyntax.Parse, one processor", t[0], 0, speed(t[0]))
	row("pysyntax.Parse, all processors", t[1], t[0], speed(t[1]))
	row("ast.parse", ast, t[0], speed(ast))
	row("libcst.parse_module", cst, t[0], speed(cst))
	return nil
}

// parseAll parses all sources on some processors. The garbage that it makes is
// collected on these too.
func parseAll(sources [][]byte, procs int) (time.Duration, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	runtime.GC()
	start := time.Now()
	var wg sync.WaitGroup
	for p := range procs {
		wg.Go(func() {
			for i := p; i < len(sources); i += procs {
				_, _ = pysyntax.Parse(sources[i])
			}
		})
	}
	wg.Wait()
	return time.Since(start), nil
}

// benchEnv is the environment of the peers.
const benchEnv = ".cache/bench"

// peers is a Python with what the tests' own has (LibCST, the frameworks, the
// SDK), with servers as in production and with ripgrep, made once for its pins.
func (b *bench) peers() (string, error) {
	python := filepath.Join(benchEnv, "bin", "python")
	pins, err := os.ReadFile("tools/sdk.txt")
	if err != nil {
		return "", err
	}
	stamp := filepath.Join(benchEnv, "pins.txt")
	if made, err := os.ReadFile(stamp); err == nil && bytes.Equal(made, pins) {
		return python, nil
	}
	if _, err := b.command("", b.python, "-m", "venv", "--clear", benchEnv); err != nil {
		return "", err
	}
	if _, err := b.command("", python, "-m", "pip", "install", "--quiet", "--requirement", "tools/sdk.txt",
		"fastapi-cli", "gunicorn", "ripgrep", "uvicorn[standard]"); err != nil {
		return "", err
	}
	return python, os.WriteFile(stamp, pins, 0o644)
}

// add compares adding a login with running the package manager's commands
// alone, in equal copies whose environment has what the example needs already.
func (b *bench) add(example, manager string) error {
	var commands []struct{ Argv, Env []string }
	copied := func() (string, error) {
		dir, err := os.MkdirTemp(b.dir, example+"-")
		if err != nil {
			return "", err
		}
		dir = filepath.Join(dir, example)
		if err := verify.CopyProject(filepath.Join("examples", example), dir); err != nil {
			return "", err
		}
		if manager == "uv" {
			_, err = b.command(dir, "uv", "sync", "--quiet")
			return dir, err
		}
		if _, err := b.command(dir, b.python, "-m", "venv", ".venv"); err != nil {
			return "", err
		}
		_, err = b.command(dir, ".venv/bin/python", "-m", "pip", "install", "--quiet", "-r", "requirements.txt")
		return dir, err
	}
	add := func() (time.Duration, error) {
		dir, err := copied()
		if err != nil {
			return 0, err
		}
		return b.timed(dir, b.authfit, "add", "--yes", "--no-verify")
	}
	install := func() (time.Duration, error) {
		dir, err := copied()
		if err != nil {
			return 0, err
		}
		out, err := b.command(dir, b.authfit, "plan", "--output", "json")
		if err != nil {
			return 0, err
		}
		var plan struct {
			Commands []struct{ Argv, Env []string }
		}
		if err := json.Unmarshal(out, &plan); err != nil {
			return 0, err
		}
		commands = plan.Commands
		start := time.Now()
		for _, c := range commands {
			cmd := exec.CommandContext(b.ctx, c.Argv[0], c.Argv[1:]...)
			cmd.Dir, cmd.Env = dir, append(cmd.Environ(), c.Env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				return 0, fmt.Errorf("%s: %w\n%s", strings.Join(c.Argv, " "), err, out)
			}
		}
		return time.Since(start), nil
	}
	if _, err := install(); err != nil { // fills the manager's cache
		return err
	}
	t, err := medians(5, add, install)
	if err != nil {
		return err
	}
	fmt.Printf("\nadd, on examples/%s\n", example)
	row(manager+" alone", t[1], 0, "")
	row("authfit add --yes --no-verify", t[0], t[1], fmt.Sprintf("%+.1f %%", 100*(float64(t[0])/float64(t[1])-1)))
	return nil
}
