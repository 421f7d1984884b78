package manager

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/edit"
	"authfit/internal/oracle"
	"authfit/internal/project"
)

// pipReads is pip's own reader of requirements files: a list of what each line
// is, in pip's words. What it refuses is such a line too, since after an edit
// that must be all that it refuses.
const pipReads = `
import base64, contextlib, io, re
from pip._internal.req import req_file, constructors

parse = req_file.get_line_parser(None)

def read(line):
    try:
        # optparse says on stderr what it refuses, besides raising
        with contextlib.redirect_stderr(io.StringIO()):
            text, options = parse(line)
    except Exception:
        return dict(Kind="unreadable")
    names = sorted(k for k, v in vars(options).items() if v and not k.endswith("_control"))
    try:
        if text:
            parts = constructors.parse_req_from_line(text, None)
            req = parts.requirement
            return dict(Kind="requirement", Options=names, Name=req.name if req else "", Specifier=str(req.specifier) if req else "",
                        URL=str(parts.link or req.url or ""), Marker=str(parts.markers or ""))
        if options.editables:
            name = constructors.parse_editable(options.editables[0])[0] or ""
            return dict(Kind="requirement", Options=names, Name=re.split("[ ;@\[]", name)[0], URL=options.editables[0])
    except Exception:
        return dict(Kind="unreadable", Name=text, Options=names)
    include = re.fullmatch(r"(-[rc]\s*|--(requirement|constraint)(=|\s+))[^\s'\"\\-][^\s'\"\\]*", line)
    if include:
        return dict(Kind="include", Name=(options.requirements or options.constraints)[0], Options=names)
    return dict(Kind="options", Options=names)

def answer(src):
    text = req_file._decode_req_file(base64.b64decode(src), "r.txt")
    return [dict(read(line), Text=line, Line=number) for number, line in req_file.preprocess(text)]
`

// A pipLine is a line as pip reads it.
type pipLine struct {
	Line                               int
	Kind                               string
	Text, Name, Specifier, URL, Marker string
	Options                            []string
}

// FuzzRequirements holds reading and changing requirements files against pip:
// what is a requirement for one is so for the other, and after an edit pip reads
// what it read before and what was added, or moved, and nothing else.
func FuzzRequirements(f *testing.F) {
	for _, seed := range []string{
		"", "\xef\xbb\xbfFlask==3.1.3\nWerkzeug==3.1.9\n", "flask\nredis", "redis>=4\r\nflask>=3.0,<4\r\n",
		"# last\nzeep==1\nzope==1\n\n\n", "a==1 ; \\\n  python_version>'3'\nz==1\n", "a==1\nPython_Dotenv==1.0\n",
		"workos[x] >= 5, < 6 ; python_version > '3'  # login\n", "-r base.txt\n-c c.txt\n--index-url https://x.test/simple\nx\n",
		"-e git+https://x.test/y#egg=z\n./local\nhttps://x.test/a-1.0-py3-none-any.whl\nb @ https://x.test/b.zip ; python_version > '3'\n",
		"a==1 --hash=sha256:00 \\\n  --hash=sha256:11\n", "# by pip-compile\na==1 \\\n    # via b\nb==2\n", "a (>=1,<2)\nb>=1,\n",
		"a\rb\rworkos==5\r", "a\x0cworkos==5\n", "a # \\\nb\\\\\n c\n  # d\ne", "workos==5.46.0 --config-settings=a=b\nb\n", "workos ; extra == 'x'\nworkos>5\n",
		"--requirement=a.txt\n-rb.txt\n -r c.txt # d\n--no-binary :all:\n", "${A}==1\nb\t==\t2\nc\u00a0==1\n", "a\nb\n# end\\\n", "x\n\\\n",
		"  workos == 5 ;\nb\n", "\\\nworkos>=5\n", "\tworkos[x]\\\n ==5\n", "workos(>=5)\n", "workos\t>=5\t# x\n",
	} {
		f.Add([]byte(seed))
	}
	python := oracle.Start(f, pipReads)
	reads := func(t *testing.T, src []byte) (lines []pipLine) {
		python.Ask(t, &lines, src)
		return lines
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if !utf8.Valid(src) || strings.Contains(string(src), "coding") {
			return // how pip decodes it hangs on the machine
		}
		before := reads(t, src)
		file, err := project.ParseRequirements(src)
		if err == nil {
			for line, pip := range byPip(before) {
				if us := byUs(file)[line]; !pip.allows(us) {
					t.Fatalf("%q, line %d: %q for pip, %q for us", src, line, pip, us)
				}
			}
			for line, us := range byUs(file) {
				if pip := byPip(before)[line]; !pip.allows(us) {
					t.Fatalf("%q, line %d: %q for pip, %q for us", src, line, pip, us)
				}
			}
		}
		check := func(what string, edits []edit.Edit, without func([]pipLine) []pipLine) []pipLine {
			out, err := edit.Apply(src, edits...)
			if err != nil {
				t.Fatal(err)
			}
			after := reads(t, out)
			plain := func(lines []pipLine) []pipLine {
				lines = without(slices.Clone(lines))
				for i := range lines {
					lines[i].Line = 0
				}
				return lines
			}
			if diff := cmp.Diff(plain(before), plain(after)); diff != "" {
				t.Fatalf("%s: %q became %q, (-before +after):\n%s", what, src, out, diff)
			}
			return after
		}
		was := packages(before)
		if edits, err := RequirementLines(src, both); err == nil {
			after := check("adding", edits, func(lines []pipLine) []pipLine {
				return slices.DeleteFunc(lines, func(l pipLine) bool {
					return isBoth(l.Name) && !was[project.NormalizeName(l.Name)] && len(l.Options) == 0
				})
			})
			for _, r := range both {
				listed := slices.ContainsFunc(file.Lines, func(l project.RequirementLine) bool { return project.NormalizeName(l.Name) == r.Name })
				if !listed && !packages(after)[r.Name] {
					t.Fatalf("%q: %s is not added by %v", src, r.Name, edits)
				}
			}
		}
		newest := WorkOS
		newest.Range, newest.Move = ">=10.8.0", true
		if edits, err := MovedLine(src, newest); err == nil {
			check("moving", edits, func(lines []pipLine) []pipLine {
				i := slices.IndexFunc(lines, func(l pipLine) bool { return l.Line == moves(file) })
				if lines[i].Text, lines[i].Specifier = "", ""; before[i].Kind == "unreadable" {
					lines[i] = pipLine{}
				}
				return lines
			})
		}
	})
}

func isBoth(name string) bool {
	return slices.ContainsFunc(both, func(r Requirement) bool { return r.Name == project.NormalizeName(name) })
}

// moves is the line on which we see the SDK with a version, or 0.
func moves(f *project.RequirementsFile) int {
	for _, l := range f.Lines {
		if project.NormalizeName(l.Name) == "workos" && l.URL == "" {
			return l.Line
		}
	}
	return 0
}

// packages are the ones that pip takes from lines.
func packages(lines []pipLine) map[string]bool {
	found := map[string]bool{}
	for _, l := range lines {
		if l.Kind == "requirement" {
			found[project.NormalizeName(l.Name)] = true
		}
	}
	return found
}

// A reading is what a line is for pip or us: "requirement flask", without a name
// where an address or a path does not tell one.
type reading string

// allows says whether ours goes with pip's reading. What pip cannot read we may
// read, who look neither into markers and versions nor for files; in several
// options of a line we may see an include.
func (pip reading) allows(ours reading) bool {
	requires := func(r reading) bool { return strings.HasPrefix(string(r), "requirement ") }
	switch {
	case requires(pip) && requires(ours):
		return pip == ours || pip == "requirement " || ours == "requirement "
	case pip == "unreadable":
		return true
	case pip == "":
		return ours == "" || strings.HasPrefix(string(ours), "include")
	}
	return pip == ours
}

func byPip(lines []pipLine) map[int]reading {
	all := map[int]reading{}
	for _, l := range lines {
		switch l.Kind {
		case "requirement":
			all[l.Line] = reading("requirement " + project.NormalizeName(l.Name))
		case "include":
			all[l.Line] = reading("include " + l.Name)
		case "unreadable":
			all[l.Line] = "unreadable"
		}
	}
	return all
}

func byUs(f *project.RequirementsFile) map[int]reading {
	all := map[int]reading{}
	for _, l := range f.Lines {
		all[l.Line] = reading("requirement " + project.NormalizeName(l.Name))
	}
	for _, i := range f.Includes {
		all[i.Line] = reading("include " + i.File)
	}
	return all
}
