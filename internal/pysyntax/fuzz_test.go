package pysyntax

import (
	"strings"
	"testing"
	"time"
)

// FuzzParse parses whatever comes: no panic, no endless loop; the tokens give
// back the bytes; every node lies in its parent.
func FuzzParse(f *testing.F) {
	for _, src := range []string{
		"import os\n\nx = [1,\n  2]\n",
		"\ufeff# -*- coding: latin-1 -*-\r\ndef f(a, /, *b, c: int = 1, **d) -> None: ...\r\n",
		"async def f():\n\tasync with a as b, c: await d\n\treturn (yield)\n",
		"f'{a!r:{b}}{c=}' rb'\\x' t\"{d:>{e}}\"\n",
		"match x:\n case {'a': [1, *_], **r} if y: pass\n case A(b=-1j) | None: pass\n",
		"@a.b(c)\nclass C[T: int = str, *Ts](D, metaclass=E): x: int = 1; y = 2\n",
		"try:\n  pass\nexcept* (A, B) as e:\n  raise C from e\nelse: pass\nfinally: del x[0:1, ...], (y)\n",
		"if a := b: pass\nelif lambda *a, b=1: c: pass\nelse:\n \\\n  pass\f\n",
		"type X[T] = {**a, 'b': c for d in e if f}\nprint(*a, **b, c=d)\n",
		"\x00", "'''", "(", "\\", "\t\n        x\n", "x = 0777\n", "if x:\n  a\n b\n", "\xff\xfe",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse(src)
		if file == nil {
			t.Fatalf("no file, %v", err)
		}
		var text strings.Builder
		for _, token := range file.Tokens() {
			text.WriteString(file.Text(token))
		}
		if text.String() != string(src) {
			t.Fatalf("the tokens give %q of %q", text.String(), src)
		}
		if err != nil {
			return
		}
		for _, s := range file.Body {
			checkRanges(t, file, s)
		}
	})
}

// checkRanges sees that what is below a node lies in it. Decorators stand
// before their definition, and defaults behind their parameter, as in CPython.
func checkRanges(t *testing.T, f *File, parent Node) {
	t.Helper()
	if parent.Pos() < 0 || parent.End() > len(f.Src) || parent.Pos() > parent.End() {
		t.Fatalf("%T has the range %d to %d in %d bytes", parent, parent.Pos(), parent.End(), len(f.Src))
	}
	before, behind := map[Node]bool{}, Node(nil)
	switch p := parent.(type) {
	case *FunctionDef:
		for _, d := range p.Decorators {
			before[d] = true
		}
	case *ClassDef:
		for _, d := range p.Decorators {
			before[d] = true
		}
	case *Param:
		if p.Default != nil {
			behind = p.Default
		}
	}
	for _, child := range appendChildren(nil, parent) {
		if (child.Pos() < parent.Pos() || child.End() > parent.End()) && !before[child] && child != behind {
			t.Fatalf("%T %q lies outside of its %T %q", child, f.Text(child), parent, f.Text(parent))
		}
		checkRanges(t, f, child)
	}
}

// TestDeep gives the parser what nests a hundred thousand deep. CPython refuses
// it too; what matters is that it is refused, and soon.
func TestDeep(t *testing.T) {
	const n = 100_000
	indents := &strings.Builder{}
	for i := range 2000 {
		indents.WriteString(strings.Repeat(" ", i) + "if x:\n")
	}
	for name, src := range map[string]string{
		"parentheses":   "x = " + strings.Repeat("(", n) + strings.Repeat(")", n),
		"open brackets": strings.Repeat("[", n),
		"calls":         "x = " + strings.Repeat("f(", n) + strings.Repeat(")", n),
		"not":           "x = " + strings.Repeat("not ", n) + "y",
		"minus":         "x = " + strings.Repeat("-", n) + "y",
		"power":         "x = " + strings.Repeat("y**", n) + "y",
		"lambda":        "x = " + strings.Repeat("lambda: ", n) + "y",
		"if else":       "x = " + strings.Repeat("a if b else ", n) + "y",
		"f-strings":     "x = " + strings.Repeat("f'{", n),
		"indentation":   indents.String(),
		"patterns":      "match x:\n case " + strings.Repeat("[", n) + strings.Repeat("]", n) + ": pass\n",
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			go func() { _, err := Parse([]byte(src)); done <- err }()
			select {
			case err := <-done:
				if err == nil {
					t.Error("it was taken; CPython refuses it")
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it has not ended")
			}
		})
	}
}

// TestLong gives it what is long and not deep, which is Python.
func TestLong(t *testing.T) {
	const n = 100_000
	for name, src := range map[string]string{
		"sum":         "x = " + strings.Repeat("1 + ", n) + "1\n",
		"attributes":  "x = a" + strings.Repeat(".b", 3000) + "\n",
		"elements":    "x = [" + strings.Repeat("1,", n) + "]\n",
		"statements":  strings.Repeat("x = 1\n", n),
		"string":      "x = '" + strings.Repeat("a", 1<<20) + "'\n",
		"comparison":  "x = " + strings.Repeat("a < ", n) + "b\n",
		"and":         "x = " + strings.Repeat("a and ", n) + "b\n",
		"adjacent":    "x = (" + strings.Repeat("'a' ", n) + ")\n",
		"blank lines": strings.Repeat("\n", n) + "x\n",
	} {
		if _, err := Parse([]byte(src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
