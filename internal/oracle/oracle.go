// Package oracle asks Python itself, in tests, what it makes of a text: its
// parser, pip's, python-dotenv's. The interpreter is started once and answers
// any number of questions, so that fuzzing can put thousands.
package oracle

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
)

// An Oracle is a running Python.
type Oracle struct {
	in  io.Writer
	out *bufio.Scanner
}

// around is what stands around a program: a question is a line of JSON, and so
// is its answer. What else the program prints goes to stderr.
const around = `

import json as _json, os as _os, sys as _sys
_out, _sys.stdout = _sys.stdout, _sys.stderr
for _line in _sys.stdin:
    print(_json.dumps(answer(*_json.loads(_line))), file=_out, flush=True)
`

// Start runs a program that has a function answer in the Python that
// AUTHFIT_TEST_PYTHON names, until the test ends.
func Start(t testing.TB, program string) *Oracle {
	t.Helper()
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("AUTHFIT_TEST_PYTHON names no interpreter: run `make test`, or `. .cache/env` before go test")
	}
	cmd := exec.Command(python, "-X", "utf8", "-W", "ignore", "-c", program+around)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("Python: %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<26)
	return &Oracle{in, lines}
}

// Ask calls the program's function answer. Bytes reach it as their base64.
func (o *Oracle) Ask(t testing.TB, answer any, arguments ...any) {
	t.Helper()
	list := []any{} // neither it nor bytes may be null
	for _, a := range arguments {
		if b, ok := a.([]byte); ok {
			a = append([]byte{}, b...)
		}
		list = append(list, a)
	}
	question, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.in.Write(append(question, '\n')); err != nil {
		t.Fatal(err)
	}
	if !o.out.Scan() {
		t.Fatalf("Python ended at %.4000q: %v", question, o.out.Err())
	}
	if err := json.Unmarshal(o.out.Bytes(), answer); err != nil {
		t.Fatalf("%v: %s", err, o.out.Bytes())
	}
}
