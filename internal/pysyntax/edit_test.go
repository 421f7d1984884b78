package pysyntax

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/edit"
)

func parsed(t *testing.T, src string) *File {
	t.Helper()
	f, err := Parse([]byte(src))
	if err != nil {
		t.Fatalf("does not parse: %v\n%s", err, src)
	}
	return f
}

func apply(t *testing.T, f *File, edits ...edit.Edit) string {
	t.Helper()
	out, err := edit.Apply(f.Src, edits...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(out); err != nil {
		t.Fatalf("the result does not parse: %v\n%s", err, out)
	}
	return string(out)
}

func TestAddImports(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		lines     []string
		want      string
	}{
		{"no imports", "x = 1\n", []string{"import os"}, "import os\n\nx = 1\n"},
		{"empty", "", []string{"import os"}, "import os\n"},
		{"only a backslash", " \\\n", []string{"import os"}, " \\\n\nimport os\n"},
		{"docstring", "\"\"\"Doc.\"\"\"\nx = 1\n", []string{"import os"}, "\"\"\"Doc.\"\"\"\n\nimport os\n\nx = 1\n"},
		{"two sections, no imports", "x = 1\n", []string{"import os", "from workos import WorkOSClient"},
			"import os\n\nfrom workos import WorkOSClient\n\nx = 1\n"},
		{"behind a docstring", "\"\"\"Doc.\"\"\"\n\nx = 1\n", []string{"import os", "import workos"},
			"\"\"\"Doc.\"\"\"\n\nimport os\n\nimport workos\n\nx = 1\n"},
		{"sections not kept apart", "from . import views\nfrom django.urls import path\n\nx = 1\n", []string{"import os", "from dotenv import load_dotenv"},
			"import os\nfrom . import views\nfrom django.urls import path\nfrom dotenv import load_dotenv\n\nx = 1\n"},
		{"own and relative kept together", "from flask import Flask\n\nfrom .a import b\nfrom auth_views import c\n", []string{"import os", "from . import views"},
			"import os\n\nfrom flask import Flask\n\nfrom . import views\nfrom .a import b\nfrom auth_views import c\n"},
		{"standard and own between", "import json\n\nfrom . import views\n", []string{"import os", "import workos", "from . import auth_views"},
			"import json\nimport os\n\nimport workos\n\nfrom . import auth_views, views\n"},
		{"before own", "import json\n\nimport workos_auth\n", []string{"import os", "from flask import Flask"},
			"import json\nimport os\n\nfrom flask import Flask\n\nimport workos_auth\n"},
		{"only in try", "try:\n    import yaml\nexcept ImportError:\n    yaml = None\n", []string{"import os", "import workos"},
			"import os\n\nimport workos\n\ntry:\n    import yaml\nexcept ImportError:\n    yaml = None\n"},
		{"there already", "import os\n", []string{"import os"}, "import os\n"},
		{"another name", "import os as o\n", []string{"import os"}, "import os as o\nimport os\n"},
		{"in order", "import json\nimport sys\n", []string{"import os"}, "import json\nimport os\nimport sys\n"},
		{"import before from", "import json\nfrom sys import path\n", []string{"import os"}, "import json\nimport os\nfrom sys import path\n"},
		{"section before", "from flask import Flask\n\napp = Flask(__name__)\n", []string{"import os"},
			"import os\n\nfrom flask import Flask\n\napp = Flask(__name__)\n"},
		{"all of a login", "from flask import Flask\n\napp = Flask(__name__)\n",
			[]string{"import os", "from dotenv import load_dotenv", "from workos import WorkOSClient", "import workos_auth"},
			"import os\n\nfrom dotenv import load_dotenv\nfrom flask import Flask\nfrom workos import WorkOSClient\n\nimport workos_auth\n\napp = Flask(__name__)\n"},
		{"extend", "from django.urls import include\n", []string{"from django.urls import path"}, "from django.urls import include, path\n"},
		{"extend in front", "from django.urls import re_path\n", []string{"from django.urls import path"}, "from django.urls import path, re_path\n"},
		{"extend lines", "from a import (\n    b,\n    d,\n)\n", []string{"from a import c"}, "from a import (\n    b,\n    c,\n    d,\n)\n"},
		{"relative", "from django.urls import path\n\nfrom . import views\n", []string{"from . import auth_views"},
			"from django.urls import path\n\nfrom . import auth_views, views\n"},
		{"future", "from __future__ import annotations\n\nx = 1\n", []string{"import os"}, "from __future__ import annotations\n\nimport os\n\nx = 1\n"},
		{"CRLF", "import json\r\n\r\nx = 1\r\n", []string{"import os"}, "import json\r\nimport os\r\n\r\nx = 1\r\n"},
		{"no last newline", "import json", []string{"import os"}, "import json\nimport os"},
		{"try is left alone", "import json\ntry:\n    import yaml\nexcept ImportError:\n    yaml = None\n", []string{"import os"},
			"import json\nimport os\ntry:\n    import yaml\nexcept ImportError:\n    yaml = None\n"},
		{"comment behind", "import json  # fast\n", []string{"import os"}, "import json  # fast\nimport os\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := parsed(t, tt.src)
			got := apply(t, f, f.AddImports(tt.lines...)...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			again := parsed(t, got)
			if edits := again.AddImports(tt.lines...); len(edits) > 0 {
				t.Errorf("a second time it would add %v", edits)
			}
		})
	}
}

func TestInsert(t *testing.T) {
	for _, tt := range []struct {
		name, src, at string
		after         bool
		want          string
	}{
		{"after", "a = 1\nb = 2\n", "a = 1", true, "a = 1\nnew()\nb = 2\n"},
		{"after the last", "a = 1\n", "a = 1", true, "a = 1\nnew()\n"},
		{"after, no last newline", "a = 1", "a = 1", true, "a = 1\nnew()"},
		{"after a comment", "a = 1  # one\nb = 2\n", "a = 1", true, "a = 1  # one\nnew()\nb = 2\n"},
		{"after a semicolon", "a = 1; b = 2\nc = 3\n", "a = 1", true, "a = 1; b = 2\nnew()\nc = 3\n"},
		{"after several lines", "a = f(\n    1,\n)\nb = 2\n", "a = f(\n    1,\n)", true, "a = f(\n    1,\n)\nnew()\nb = 2\n"},
		{"in a function", "def f():\n\ta = 1\n\treturn a\n", "return a", false, "def f():\n\ta = 1\n\tnew()\n\treturn a\n"},
		{"before decorators", "# about f\n@d\ndef f():\n    pass\n", "def f():\n    pass", false, "# about f\nnew()\n@d\ndef f():\n    pass\n"},
		{"CRLF", "a = 1\r\nb = 2\r\n", "a = 1", true, "a = 1\r\nnew()\r\nb = 2\r\n"},
		{"before, behind a semicolon", "from a import(\n b\n);c", "c", false, "new()\nfrom a import(\n b\n);c"},
		{"before, behind a backslash", "a;\\\n  b\n", "b", false, "new()\na;\\\n  b\n"},
		{"before, below a backslash", "if x:\n  \\\n b\n", "b", false, "if x:\n  \\\n new()\n  \\\n b\n"},
		{"after, a tab and a backslash", "if x:\r\t \\\r\t  b\r", "b", true, "if x:\r\t \\\r\t  b\r\t \\\r\t  new()\r"},
		{"before, below a string", "a = '''\n# b'''\nc\n", "c", false, "a = '''\n# b'''\nnew()\nc\n"},
		{"before, decorators in parentheses", "@(\n# @b\na)\ndef c(): pass\n", "def c(): pass", false, "new()\n@(\n# @b\na)\ndef c(): pass\n"},
		{"after a comment with a backslash", "a  # \\\nb\n", "a", true, "a  # \\\nnew()\nb\n"},
		{"after, a later one of several lines", "a; b = (\n1)\nc\n", "a", true, "a; b = (\n1)\nnew()\nc\n"},
		{"after, behind a backslash", "def f():\n  a; \\\n  b\n", "b", true, "def f():\n  a; \\\n  b\n  new()\n"},
		{"before, behind a colon", "if x: a; b\n", "b", false, ""},
		{"after, behind a colon", "def f(): a\n", "a", true, ""},
		{"behind a colon and a backslash", "if x: \\\n  a\n", "a", false, ""},
		{"before an elif", "if x:\n  a\nelif y:\n  b\n", "elif y:\n  b", false, ""},
		{"after an elif", "if x:\n  a\nelif y:\n  b\n", "elif y:\n  b", true, ""},
		{"before an if in an else", "if x:\n  a\nelse:\n  if y:\n    b\n", "if y:\n    b", false, "if x:\n  a\nelse:\n  new()\n  if y:\n    b\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := parsed(t, tt.src)
			for s := range f.Stmts() {
				if f.Text(s) != tt.at {
					continue
				}
				insert := f.InsertBefore
				if tt.after {
					insert = f.InsertAfter
				}
				e, err := insert(s, "new()")
				if tt.want == "" {
					if err == nil {
						t.Errorf("not refused: %v", e)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, apply(t, f, e)); diff != "" {
					t.Error(diff)
				}
				return
			}
			t.Fatalf("no statement %q", tt.at)
		})
	}
}

func TestInsertDecorator(t *testing.T) {
	for _, tt := range []struct {
		src  string
		i    int
		want string
	}{
		{"def f(): pass\n", 0, "@new\ndef f(): pass\n"},
		{"\ufeffasync def f(): pass\n", 0, "\ufeff@new\nasync def f(): pass\n"},
		{"@a\n@b(\n  1)\n# c\ndef f(): pass\n", 0, "@new\n@a\n@b(\n  1)\n# c\ndef f(): pass\n"},
		{"@a\n@b(\n  1)\n# c\ndef f(): pass\n", 1, "@a\n@new\n@b(\n  1)\n# c\ndef f(): pass\n"},
		{"@a\n@b(\n  1)\n# c\ndef f(): pass\n", 2, "@a\n@b(\n  1)\n# c\n@new\ndef f(): pass\n"},
		{"@(\n a)\nclass C: pass\n", 0, "@new\n@(\n a)\nclass C: pass\n"},
		{"if x:\r\n\t@a\r\n\tdef f(): pass\r\n", 1, "if x:\r\n\t@a\r\n\t@new\r\n\tdef f(): pass\r\n"},
		{"# -*- coding: utf-8 -*-\n# above\ndef f(): pass", 0, "# -*- coding: utf-8 -*-\n# above\n@new\ndef f(): pass"},
	} {
		f := parsed(t, tt.src)
		for s := range f.Stmts() {
			switch s.(type) {
			case *FunctionDef, *ClassDef:
				if diff := cmp.Diff(tt.want, apply(t, f, f.InsertDecorator(s, tt.i, "new"))); diff != "" {
					t.Errorf("%q, %d: %s", tt.src, tt.i, diff)
				}
			}
		}
	}
}

func TestAppendElement(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"x = []\n", "x = [new]\n"},
		{"x = [a]\n", "x = [a, new]\n"},
		{"x = [a, b,]\n", "x = [a, b, new,]\n"},
		{"x = ()\n", "x = (new,)\n"},
		{"x = (a,)\n", "x = (a, new,)\n"},
		{"x = f()\n", "x = f(new)\n"},
		{"x = f(a, b=1)\n", "x = f(a, b=1, new)\n"},
		{"x = [\n    a,\n]\n", "x = [\n    a,\n    new,\n]\n"},
		{"x = [\n    a\n]\n", "x = [\n    a,\n    new,\n]\n"},
		{"x = [\n    a,  # first\n    b  # last\n]\n", "x = [\n    a,  # first\n    b,  # last\n    new,\n]\n"},
		{"x = [\n    a,\n    # nothing more\n]\n", "x = [\n    a,\n    new,\n    # nothing more\n]\n"},
		{"x = [\n]\n", "x = [\n    new,\n]\n"},
		{"x = [a,\n     b]\n", "x = [a,\n     b, new]\n"},
		{"x = [\r\n\ta,\r\n]\r\n", "x = [\r\n\ta,\r\n\tnew,\r\n]\r\n"},
		{"x = [(a\n), ]\n", "x = [(a\n), new,]\n"},
		{"x = ['#'](\n)\n", "x = ['#'](\n    new,\n)\n"},
		{"x = y['#']() # c\n", "x = y['#'](new) # c\n"},
		{"x = f(a for a in b)\n", "x = f((a for a in b), new)\n"},
	} {
		t.Run(strings.TrimSpace(tt.src), func(t *testing.T) {
			f := parsed(t, tt.src)
			e, err := f.AppendElement(f.Body[0].(*Assign).Value, "new")
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(tt.want, "b=1, new") {
				e = f.AppendArg(f.Body[0].(*Assign).Value.(*Call), "c=new")
				tt.want = strings.Replace(tt.want, "new", "c=new", 1)
			}
			if diff := cmp.Diff(tt.want, apply(t, f, e)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStringValue(t *testing.T) {
	for _, tt := range []struct {
		src, want string
		ok        bool
	}{
		{`"a"`, "a", true},
		{`'a' "b"`, "ab", true},
		{`"""a` + "\n" + `b"""`, "a\nb", true},
		{`"\x41\u00e9\n\101\q"`, "Aé\nA\\q", true},
		{`r"\n"`, `\n`, true},
		{`b"a"`, "", false},
		{`f"a"`, "", false},
		{`a`, "", false},
	} {
		f := parsed(t, tt.src)
		got, ok := f.StringValue(f.Body[0].(*ExprStmt).Value)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: %q, %v; want %q, %v", tt.src, got, ok, tt.want, tt.ok)
		}
	}
}

func TestBindings(t *testing.T) {
	f := parsed(t, "import a.b, c as d\nfrom e import f as g\nif x:\n    h = 1\nfor i, (j, *k) in y: pass\ndef l():\n    m = 1\nclass n: o = 1\nwith p as q: pass\n")
	var got []string
	for _, b := range f.Bindings() {
		got = append(got, b.Name)
	}
	if diff := cmp.Diff(strings.Fields("a d g h i j k l n q"), got); diff != "" {
		t.Error(diff)
	}
}

func TestIndentUnit(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"x = 1\n", "    "},
		{"if x:\n  y\n", "  "},
		{"if x:\n\ty\n", "\t"},
		{"if x: y\n", "    "},
		{"x = f(\n\ta,\n)\nif x:\n  y\n", "  "},
		{"x = f(\n\ta,\n)\n", "\t"},
		{"x = f(\n  a=1,\n)\n", "  "},
		{"x = f(a,\n      b)\n", "    "},
		{"x = f(\n        a)\ng(  # c\n  b)\n", "  "},
		{"x = f(g(\n\ta),\n\tb)\n", "\t"},
		{"x = f(\na)\n", "    "},
	} {
		if got := parsed(t, tt.src).IndentUnit(); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.src, got, tt.want)
		}
	}
}
