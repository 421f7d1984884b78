package manager

import (
	"testing"

	"authfit/internal/edit"
	"authfit/internal/project"
)

func TestProjectLines(t *testing.T) {
	pkgs := []Requirement{{Name: "python-dotenv", Version: "1.2.4"}, {Name: "workos", Version: "10.8.0"}}
	for name, c := range map[string]struct{ before, after string }{
		"one line":          {"[project]\ndependencies = [\"flask\"]\n", "[project]\ndependencies = [\"flask\", \"python-dotenv\", \"workos\"]\n"},
		"pinned":            {"[project]\ndependencies = ['flask==3.0']\n", "[project]\ndependencies = ['flask==3.0', 'python-dotenv==1.2.4', 'workos==10.8.0']\n"},
		"lines":             {"[project]\ndependencies = [\n  \"a>=1\",\n  \"b>=2\"\n]\n", "[project]\ndependencies = [\n  \"a>=1\",\n  \"b>=2\",\n  \"python-dotenv>=1.2.4\",\n  \"workos>=10.8.0\"\n]\n"},
		"a last comma":      {"[project]\r\ndependencies = [\r\n\t\"a\",\r\n]\r\n[x]\r\n", "[project]\r\ndependencies = [\r\n\t\"a\",\r\n\t\"python-dotenv\",\r\n\t\"workos\",\r\n]\r\n[x]\r\n"},
		"a comment":         {"[project]\ndependencies = [\n    \"a\",  # why\n]\n", "[project]\ndependencies = [\n    \"a\",  # why\n    \"python-dotenv\",\n    \"workos\",\n]\n"},
		"comment, no end":   {"[project]\ndependencies = [\n    \"a\" # why\n]\n", "[project]\ndependencies = [\n    \"a\", # why\n    \"python-dotenv\",\n    \"workos\"\n]\n"},
		"a byte order mark": {"\xef\xbb\xbf[project]\ndependencies = [\"a\"]\n", "\xef\xbb\xbf[project]\ndependencies = [\"a\", \"python-dotenv\", \"workos\"]\n"},
		"dotted":            {"project.dependencies = [\"a\"]\n", "project.dependencies = [\"a\", \"python-dotenv\", \"workos\"]\n"},
		"empty":             {"[project]\ndependencies = []\n", ""},
		"none":              {"[project]\nname = \"x\"\n", ""},
		"dynamic":           {"[project]\ndynamic = [\"dependencies\"]\n", ""},
		"broken":            {"[project\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			edits, ok := ProjectLines([]byte(c.before), pkgs)
			if ok != (c.after != "") {
				t.Fatalf("ok is %v", ok)
			}
			if !ok {
				return
			}
			got, err := edit.Apply([]byte(c.before), edits...)
			if err != nil || string(got) != c.after {
				t.Errorf("%v\n%s\nwant\n%s", err, got, c.after)
			}
			if ranges := project.DependencyRanges(got); len(ranges) != len(project.DependencyRanges([]byte(c.before)))+2 {
				t.Errorf("%d dependencies in\n%s", len(ranges), got)
			}
		})
	}
}
