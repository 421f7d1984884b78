package pysyntax

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"authfit/internal/edit"
	"authfit/internal/oracle"
)

// cpython compares two texts by CPython's own parser: what it says of the
// first, and whether the second is the first without what has the name "added".
// Where the first is no Python for CPython, nothing is said.
const cpython = `
import ast, base64

def wrong(src):
    try:
        compile(src, "x", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError) as e:
        return getattr(e, "msg", str(e))

def named(n, name):
    if isinstance(n, ast.Expr): return isinstance(n.value, ast.Call) and named(n.value.func, name)
    if isinstance(n, ast.Name): return n.id == name
    if isinstance(n, ast.Constant): return n.value == name
    if isinstance(n, ast.keyword): return n.arg == name
    if isinstance(n, ast.alias): return n.name == name
    if isinstance(n, (ast.Import, ast.ImportFrom)): return not n.names
    return False

def without(tree, name):
    for n in reversed(list(ast.walk(tree))):
        for field, value in ast.iter_fields(n):
            if isinstance(value, list):
                setattr(n, field, [v for v in value if not named(v, name)])
    return ast.dump(tree)

def answer(before, after, name):
    before, after = base64.b64decode(before), base64.b64decode(after)
    try:
        tree = ast.parse(before)
        want = ast.dump(tree)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return ""
    try:
        if without(ast.parse(after), name) != want:
            return "the trees are not the same"
        if not wrong(before) and wrong(after):
            return wrong(after)
    except SyntaxError as e:
        return str(e)
    except (RecursionError, MemoryError):
        pass
    return ""
`

// realFiles are Python files of this repository and others of the standard
// library and the packages of AUTHFIT_TEST_PYTHON, spread over all small ones.
func realFiles(f *testing.F, own, others int) []string {
	f.Helper()
	where := oracle.Start(f, "import sysconfig\ndef answer(): return [sysconfig.get_path('stdlib'), sysconfig.get_path('purelib')]\n")
	var paths []string
	where.Ask(f, &paths)
	small := func(dirs ...string) (files []string) {
		for _, dir := range dirs {
			err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
				if err == nil && e.IsDir() && slices.Contains([]string{".cache", ".git", "lib2to3"}, e.Name()) {
					return fs.SkipDir
				}
				if info, infoErr := os.Stat(path); err == nil && infoErr == nil && strings.HasSuffix(path, ".py") && 0 < info.Size() && info.Size() < 16<<10 {
					files = append(files, path)
				}
				return err
			})
			if err != nil {
				f.Fatal(err)
			}
		}
		return files
	}
	var texts []string
	spread := func(files []string, n int) {
		if len(files) < n {
			f.Fatalf("only %d files", len(files))
		}
		for i := range n {
			text, err := os.ReadFile(files[i*len(files)/n])
			if err != nil {
				f.Fatal(err)
			}
			texts = append(texts, string(text))
		}
	}
	spread(small("../.."), own)
	spread(small(paths...), others)
	return texts
}

// mutated is a text after changes that leave much of it Python. Three bytes are
// one change: which, where, and how much.
func mutated(src, other string, changes []byte) string {
	lines := strings.SplitAfter(src, "\n")
	for ; len(changes) >= 3 && len(lines) > 0; changes = changes[3:] {
		at := int(changes[1]) * len(lines) / 256
		to := min(at+1+int(changes[2])%8, len(lines))
		body := strings.TrimRight(lines[at], "\r\n")
		switch changes[0] % 16 {
		case 0:
			lines = slices.Delete(lines, at, to)
		case 1:
			lines = slices.Insert(lines, to, slices.Clone(lines[at:to])...)
		case 2:
			lines[at], lines[to-1] = lines[to-1], lines[at]
		case 3, 4: // indentation
			for i := range lines[at:to] {
				if changes[0]%16 == 3 {
					lines[at+i] = "\t" + lines[at+i]
				} else {
					lines[at+i] = strings.TrimPrefix(strings.TrimPrefix(lines[at+i], "  "), "\t")
				}
			}
		case 5: // other line ends
			end := []string{"\r\n", "\r", "\n"}[changes[2]%3]
			for i := range lines {
				lines[i] = strings.TrimRight(lines[i], "\r\n") + end
			}
		case 6:
			lines[at] = body + "\r\n"
		case 7: // a part of another file
			others := strings.SplitAfter(other, "\n")
			from := int(changes[2]) * len(others) / 256
			lines = slices.Insert(lines, at, others[from:min(from+20, len(others))]...)
		case 8: // two statements on a line
			lines[at] = body + "; "
		case 9:
			lines[at] = body + "  # C:\\\n"
		case 10:
			lines[at] = strings.Replace(lines[at], " ", " \\\n  ", 1+int(changes[2])%2)
		case 11: // no last newline
			lines = []string{strings.TrimRight(strings.Join(lines[:to], ""), "\r\n")}
		case 12: // brackets over several lines
			text := strings.NewReplacer("(", "(\n", ", ", ", # (\n", ")", "\n)").Replace(strings.Join(lines[at:to], ""))
			lines = slices.Replace(lines, at, to, strings.SplitAfter(text, "\n")...)
		case 13: // a block behind its colon
			if indent := len(body) - len(strings.TrimLeft(body, " \t")); strings.HasSuffix(body, ":") && to < len(lines) {
				lines[at] = body + strings.Repeat(" ", indent%3) + strings.TrimLeft(lines[at+1], " \t")
				lines = slices.Delete(lines, at+1, at+2)
			}
		case 14:
			lines = slices.Insert(lines, at, []string{"# c\n", "\n", "\f\n", "\\\n", "'''\n# d'''\n", "@(\n a)\n", "x = [\n]\n", "f(a for a in b)\n"}[changes[2]%8])
		case 15:
			lines[0] = []string{"\ufeff", "# coding: latin-1\n", "#!/x\n# vim: set fileencoding=utf-8 :\n"}[changes[2]%3] + lines[0]
		}
	}
	if text := strings.Join(lines, ""); len(text) < 64<<10 {
		return text
	}
	return src
}

// added is the name in all that FuzzEdits adds, which no text has.
const added = "authfit_zzz"

// An oneEdit is one of the edits that the package can make on a file.
type oneEdit struct {
	what  string
	edits []edit.Edit
	check func(f, after *File) error // where what was added has to be
}

// FuzzEdits makes every edit on real files and on what becomes of them by
// mutation: the result parses and is, without what was added, the file again, in
// our trees and in CPython's. CPython's is asked about all edits of a small file
// and about one of another.
func FuzzEdits(f *testing.F) {
	texts := realFiles(f, 60, 140)
	for i, text := range texts {
		changes := []byte{byte(i), byte(i * 31), byte(i * 57), byte(i * 3), byte(i * 11), byte(i * 5)}
		f.Add(text, texts[(i*7+3)%len(texts)], changes[:i%3*3])
	}
	for _, text := range []string{
		"import os\n\nx = [1,\n  2]\n",
		"\ufeff# c\r\n\"\"\"d\"\"\"\r\ndef f(a, *b):\r\n\treturn g(a, *b)  # r\r\n",
		"if x:\n  @a\n  @(\n   b)\n  async def f(): pass\n",
		"from a import (\n  b,\n)\nif x: y = 1; z = {2: 3}\n",
		"from A import(  A00\n);{} ",
		"x = y['#'](\n)\nf(a for a in b)\nz = [(1\n),]\nw = (\n  # c\n)\n",
	} {
		f.Add(text, "", []byte{})
	}
	python := oracle.Start(f, cpython)
	f.Fuzz(func(t *testing.T, src, other string, changes []byte) {
		src = mutated(src, other, changes)
		file, err := Parse([]byte(src))
		if err != nil || strings.Contains(src, added) || len(src) > 64<<10 {
			return
		}
		sum := fnv.New64a()
		sum.Write([]byte(src))
		random := rand.New(rand.NewPCG(sum.Sum64(), 0))
		all := everyEdit(file)
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		before := treeOf(file)
		for i, make := range all[:min(len(all), 12)] {
			e := make()
			if len(e.edits) == 0 {
				continue // it is refused
			}
			out, err := edit.Apply(file.Src, e.edits...)
			if err != nil {
				t.Fatalf("%s: %v", e.what, err)
			}
			after, err := Parse(out)
			if err != nil {
				t.Fatalf("%s: %v\nbefore %q\nafter  %q", e.what, err, src, out)
			}
			if got := treeOf(after); got != before {
				t.Fatalf("%s: the tree is another one\nbefore %q\nafter  %q", e.what, src, out)
			}
			if err := onlyAdded(file.Src, e.edits); err != nil {
				t.Fatalf("%s: %v\nbefore %q\nafter  %q", e.what, err, src, out)
			}
			if e.check != nil {
				if err := e.check(file, after); err != nil {
					t.Fatalf("%s: %v\nbefore %q\nafter  %q", e.what, err, src, out)
				}
			}
			if i == 0 || len(src) < 1<<10 {
				var wrong string
				python.Ask(t, &wrong, file.Src, out, added)
				if wrong != "" && (wrong != futureFirst || strings.HasPrefix(e.what, "import")) {
					t.Fatalf("%s: CPython: %s\nbefore %q\nafter  %q", e.what, wrong, src, out)
				}
			}
		}
	})
}

// futureFirst is what CPython says of a statement before a __future__ import,
// which is where InsertBefore was told to put it.
const futureFirst = "from __future__ imports must occur at the beginning of the file"

// onlyAdded says where an edit took away other bytes than white space.
func onlyAdded(src []byte, edits []edit.Edit) error {
	for _, e := range edits {
		rest := e.New
		for _, c := range strings.Join(strings.Fields(string(src[e.Start:e.End])), "") {
			_, after, ok := strings.Cut(rest, string(c))
			if !ok {
				return fmt.Errorf("%q is lost in %q", src[e.Start:e.End], e.New)
			}
			rest = after
		}
	}
	return nil
}

// everyEdit are the edits at every place of a file, to be made when called.
func everyEdit(f *File) (all []func() oneEdit) {
	may := func(make func() oneEdit) { all = append(all, make) }
	imports := func(lines ...string) {
		may(func() oneEdit { return oneEdit{what: "import", edits: f.AddImports(lines...)} })
	}
	imports("import "+added, "from yyy import "+added)
	imports("from os import "+added, "from . import "+added)
	for s, place := range f.Stmts() {
		if from, ok := s.(*ImportFrom); ok && from.Level == 0 && from.Module != "__future__" && len(place.Parents) == 0 {
			imports("from " + from.Module + " import " + added)
		}
		may(func() oneEdit {
			e, err := f.InsertBefore(s, added+"()")
			return oneEdit{"insert before", allowed(e, err), beside(s, e, false)}
		})
		may(func() oneEdit {
			e, err := f.InsertAfter(s, added+"()")
			return oneEdit{"insert after", allowed(e, err), beside(s, e, true)}
		})
		switch s.(type) {
		case *FunctionDef, *ClassDef:
			for i := range len(decoratorsOf(s)) + 1 {
				may(func() oneEdit {
					e := f.InsertDecorator(s, i, added)
					return oneEdit{"decorate", []edit.Edit{e}, decorates(s, e, i)}
				})
			}
		}
	}
	f.Walk(func(n Node) bool {
		elem := added
		switch n.(type) {
		case *String: // within an f-string there is no place for lines
			return false
		case *Dict:
			elem = "'" + added + "': '" + added + "'"
		case *Call:
			elem = added + "=1"
		}
		if x, ok := n.(Expr); ok {
			switch x.(type) {
			case *List, *Tuple, *Set, *Dict, *Call:
				may(func() oneEdit { return oneEdit{what: "append", edits: allowed(f.AppendElement(x, elem))} })
			}
		}
		return true
	})
	return all
}

// allowed is an edit, or none where it is refused.
func allowed(e edit.Edit, err error) []edit.Edit {
	if err != nil {
		return nil
	}
	return []edit.Edit{e}
}

// beside checks that the added statement is in the block of s, and that nothing
// but statements of the same line stand between them.
func beside(s Stmt, e edit.Edit, behind bool) func(f, after *File) error {
	return func(f, after *File) error {
		at := s.Pos()
		if !behind {
			at += len(e.New)
		}
		now, place := after.StmtAt(at)
		i := slices.IndexFunc(place.Block, func(o Stmt) bool { return after.Text(o) == added+"()" })
		if reflect.TypeOf(now) != reflect.TypeOf(s) || i < 0 || (i > place.Index) != behind {
			return fmt.Errorf("not in the block of %q", f.Text(s))
		}
		from, to := place.Block[i].End(), firstByte(now)
		if behind {
			from, to = now.End(), place.Block[i].Pos()
		}
		if n := newlines(after, from, to); n != 1 {
			return fmt.Errorf("%d lines away from %q", n, f.Text(s))
		}
		return nil
	}
}

// newlines counts the logical lines that end in a range.
func newlines(f *File, from, to int) (n int) {
	for _, t := range f.Tokens() {
		if t.Kind == KindNewline && from <= t.Pos() && t.Pos() < to {
			n++
		}
	}
	return n
}

// decorates checks that s has the added decorator as its i-th.
func decorates(s Stmt, e edit.Edit, i int) func(f, after *File) error {
	return func(f, after *File) error {
		now, _ := after.StmtAt(s.Pos() + len(e.New))
		if d := decoratorsOf(now); len(d) <= i || after.Text(d[i]) != added {
			return fmt.Errorf("not decorator %d of %q", i, f.Text(s))
		}
		return nil
	}
}

// treeOf is a tree as text: types, names and literals, without what was added
// and without where things stand.
func treeOf(f *File) string {
	var b bytes.Buffer
	isAdded := func(n Node) bool {
		switch n := n.(type) {
		case *Import:
			return len(n.Names) == 1 && n.Names[0].Name == added
		case *ImportFrom:
			return len(n.Names) == 1 && n.Names[0].Name == added
		}
		return slices.Contains([]string{added, added + "()", added + "=1", "'" + added + "'"}, f.Text(n))
	}
	var dump func(v reflect.Value)
	dump = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Interface:
			dump(v.Elem())
		case reflect.Pointer:
			if v.IsNil() {
				b.WriteString("-")
				return
			}
			switch n := v.Interface().(type) {
			case *Constant, *String:
				fmt.Fprintf(&b, "%q ", f.Text(n.(Node)))
			}
			dump(v.Elem())
		case reflect.Struct:
			b.WriteString(v.Type().Name() + "(")
			for i := range v.NumField() {
				switch field := v.Field(i); {
				case v.Type().Field(i).Name == "Pattern":
					fmt.Fprintf(&b, "%q ", f.Text(field.Interface().(Span)))
				case field.Type() != reflect.TypeFor[Span]():
					dump(field)
				}
			}
			b.WriteString(")")
		case reflect.Slice:
			b.WriteString("[")
			for i := range v.Len() {
				if n, ok := v.Index(i).Interface().(Node); !ok || v.Index(i).IsNil() || !isAdded(n) {
					dump(v.Index(i))
				}
			}
			b.WriteString("]")
		case reflect.Invalid:
			b.WriteString("-")
		default:
			fmt.Fprintf(&b, "%v ", v.Interface())
		}
	}
	dump(reflect.ValueOf(f.Body))
	return b.String()
}

// TestTreeOf sees that treeOf notices what an edit may not do.
func TestTreeOf(t *testing.T) {
	const src = "@a\ndef f(b: c = 1, *d):\n    '''e\n# g'''\n    return [h, {i: j}, k(*l, m=2)]\nif x: pass\nmatch y:\n  case [z, 1]: pass\n"
	want := treeOf(parsed(t, src))
	for _, same := range []string{"import " + added + "\n" + src, strings.Replace(src, "[h,", "[ # c\n h,", 1), strings.Replace(src, "@a", "@"+added+"\n@a", 1)} {
		if treeOf(parsed(t, same)) != want {
			t.Errorf("not the same tree:\n%s", same)
		}
	}
	for _, change := range [][2]string{{"@a", "@b"}, {"@a\n", ""}, {"'''e\n", "'''e\n" + added + "\n"}, {"= 1", "= 2"}, {"*d", "**d"}, {"m=2", "n=2"}, {"h, ", ""}, {"x: pass", "x: pass; pass"}, {", 1]", ", 2]"}} {
		if other := strings.Replace(src, change[0], change[1], 1); treeOf(parsed(t, other)) == want {
			t.Errorf("%v is not noticed", change)
		}
	}
}

// TestCPython sees that CPython is asked the right thing.
func TestCPython(t *testing.T) {
	python := oracle.Start(t, cpython)
	for _, tt := range []struct{ before, after, want string }{
		{"x = [1]\n", "import " + added + "\nx = [1, " + added + "]\n" + added + "()\n", ""},
		{"@a\ndef f(): g()\n", "@" + added + "\n@a\ndef f(): g(" + added + "=1)\n", ""},
		{"x = 1\n", "x = 2\n", "the trees are not the same"},
		{"x = 1\n", "import os\nx = 1\n", "the trees are not the same"},
		{"from __future__ import annotations\n", "import " + added + "\nfrom __future__ import annotations\n", futureFirst},
		{"x = 1\n", "x = (1\n", "'(' was never closed (<unknown>, line 1)"},
		{"x = (1\n", "", ""}, // no Python to begin with
	} {
		var got string
		python.Ask(t, &got, []byte(tt.before), []byte(tt.after), added)
		if got != tt.want {
			t.Errorf("%q and %q: %q, want %q", tt.before, tt.after, got, tt.want)
		}
	}
}
