package cli

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"authfit":        func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"authfit-panics": panics,
	})
}

// TestScripts runs the command line as a user types it.
func TestScripts(t *testing.T) {
	python := basePython(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		Setup:               func(e *testscript.Env) error { return setup(e, python) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"interrupt": interrupt,
			"crash":     crash,
			"json":      jsonCmd,
			"snapshot":  snapshotCmd,
			"same":      sameCmd,
			"replace":   replaceCmd,
		},
	})
}

// basePython is the interpreter from which the tests' environment was made: one
// that depends on no variable and no home, as a shim may.
func basePython(t *testing.T) string {
	t.Helper()
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("run `make test`: it sets up the Python and the package managers that this test needs")
	}
	out, err := exec.Command(python, "-c", "import sys; print(sys._base_executable)").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// environ is the key of a script's environment.
type environ struct{}

// setup gives a script a home of its own (with git's configuration, where there
// is to be one), and a Python in front of PATH. In
// $ONLY there is authfit and nothing else, in $BIN Python too.
func setup(e *testscript.Env, python string) error {
	authfit, err := exec.LookPath("authfit")
	if err != nil {
		return err
	}
	only, bin := filepath.Join(e.WorkDir, ".only"), filepath.Join(e.WorkDir, ".bin")
	for _, dir := range []string{only, bin} {
		err = errors.Join(err, os.Mkdir(dir, 0o755), os.Symlink(authfit, filepath.Join(dir, "authfit")))
	}
	e.Setenv("ONLY", only)
	e.Setenv("BIN", bin)
	e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("VIRTUAL_ENV", "")
	e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	e.Values[environ{}] = e.Vars
	return errors.Join(err, os.Symlink(python, filepath.Join(bin, "python3")))
}

// exits CODE PROGRAM ARGS... runs a program and wants that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s\n%s", got, args[0], ts.ReadFile("stderr"))
	}
}

// interrupt CODE PROGRAM ARGS... runs a program with a package index that never
// answers, sends it what Ctrl-C sends once the index is asked, and wants that
// exit code. crash PROGRAM ARGS... kills it there.
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(signalled(ts, os.Interrupt, args[1:])); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func crash(ts *testscript.TestScript, _ bool, args []string) { signalled(ts, os.Kill, args) }

// signalled is the exit code of a program to which a signal is sent once it, or
// what it runs, has asked the index.
func signalled(ts *testscript.TestScript, sig os.Signal, args []string) int {
	index, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer index.Close()
	url := "http://" + index.Addr().String() + "/simple"
	cmd := exec.Command(filepath.Join(ts.Getenv("BIN"), args[0]), args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(slices.Clone(ts.Value(environ{}).([]string)), "PIP_INDEX_URL="+url, "PIP_RETRIES=0", "UV_DEFAULT_INDEX="+url)
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	asked := make(chan net.Conn, 1)
	go func() {
		if c, err := index.Accept(); err == nil {
			asked <- c
		}
	}()
	select {
	case c := <-asked:
		defer c.Close()
		ts.Check(cmd.Process.Signal(sig))
		<-ended
	case <-ended:
		ts.Fatalf("it ended before it asked the index")
	}
	return cmd.ProcessState.ExitCode()
}

// json PATH[=VALUE]... wants the last command's output to be one JSON document
// that has these fields. A path is NAME.NAME, with [] behind the name of a list
// to look at each of its elements; null and [] are values, too.
func jsonCmd(ts *testscript.TestScript, _ bool, args []string) {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var doc any
	ts.Check(dec.Decode(&doc))
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		ts.Fatalf("there is something behind the JSON document")
	}
	for _, arg := range args {
		path, want, valued := strings.Cut(arg, "=")
		found, err := fields([]any{doc}, path)
		if err != nil {
			ts.Fatalf("%s: %v", path, err)
		}
		for _, v := range found {
			if text := jsonText(v); valued && text != want {
				ts.Fatalf("%s is %s, want %s", path, text, want)
			}
		}
	}
}

// fields are the values at path in each of docs.
func fields(docs []any, path string) ([]any, error) {
	for name := range strings.SplitSeq(path, ".") {
		name, each := strings.CutSuffix(name, "[]")
		var next []any
		for _, doc := range docs {
			object, ok := doc.(map[string]any)
			v, there := object[name]
			if !ok || !there {
				return nil, fmt.Errorf("there is no %q in %s", name, jsonText(doc))
			}
			list, isList := v.([]any)
			switch {
			case !each:
				next = append(next, v)
			case !isList || len(list) == 0:
				return nil, fmt.Errorf("%q is %s, want a list with something in it", name, jsonText(v))
			default:
				next = append(next, list...)
			}
		}
		docs = next
	}
	return docs, nil
}

// jsonText is a string as it is, and anything else as JSON.
func jsonText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// snapshot DIR NAME notes all bytes, modes and links of a tree; same DIR NAME
// fails where they differ now.
// replace FILE OLD NEW edits a file as a person would: OLD, which is there once,
// becomes NEW. With ">>" for OLD, NEW is a line at its end.
func replaceCmd(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	switch {
	case args[1] == ">>":
		text += args[2] + "\n"
	case strings.Count(text, args[1]) == 1:
		text = strings.Replace(text, args[1], args[2], 1)
	default:
		ts.Fatalf("%q is not once in %s", args[1], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

func snapshotCmd(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(snapshot(ts.MkAbs(args[0]))), 0o600))
}

func sameCmd(ts *testscript.TestScript, _ bool, args []string) {
	if diff := cmp.Diff(ts.ReadFile(args[1]), snapshot(ts.MkAbs(args[0]))); diff != "" {
		ts.Fatalf("the tree is another:\n%s", diff)
	}
}

// snapshot is a line for every file, folder and link below dir.
func snapshot(dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			fmt.Fprintf(&b, "%s -> %s\n", rel, to)
		case d.IsDir():
			fmt.Fprintf(&b, "%s %v\n", rel, info.Mode())
		default:
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s %v %x\n", rel, info.Mode(), sha256.Sum256(src))
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return b.String()
}
