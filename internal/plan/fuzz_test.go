package plan

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/problem"
)

// FuzzDecode reads whatever comes for a plan: what is none is a problem. A plan
// names no path outside of the project, also with any path put in each place of
// one in order, and comes through writing and reading as it was.
func FuzzDecode(f *testing.F) {
	sampled := &strings.Builder{}
	if err := sample(f).Encode(sampled); err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		sampled.String(), "", "null", "[]", `{"schema":"authfit.plan/1"}`, `{"schema":"authfit.plan/1"} x`, `{"Schema":"authfit.plan/1","files":[null]}`,
		`{"schema":"authfit.plan/1","files":[{"path":"a","action":"create","sha256_after":"","edits":[]}]}`,
		`{"schema":"authfit.plan/1","commands":[{"argv":null}],"login":null,"probes":null}`,
	} {
		f.Add(text, "")
	}
	for _, path := range []string{"web", "../x", "/etc/passwd", `..\x`, `C:\x`, "C:x", "a/../../x", ".git/config", "a\x00", "\xff", ".", "NUL"} {
		f.Add("", path)
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		decodes(t, text)
		if path == "" {
			return
		}
		for _, put := range []func(*Plan){
			func(p *Plan) { p.Files[0].Path = path },
			func(p *Plan) { p.Restores[0].Path = path },
			func(p *Plan) { p.Env[0].File = path },
			func(p *Plan) { p.Commands[0].Dir = path },
			func(p *Plan) { p.Probes[0].Dir = path },
			func(p *Plan) { p.Login.Dir = path },
			func(p *Plan) { p.Login.Paths = []string{path} },
		} {
			p := sample(t)
			put(p)
			decodes(t, encode(t, p))
		}
	})
}

// decodes holds one text against what FuzzDecode promises.
func decodes(t *testing.T, text string) {
	t.Helper()
	p, err := Decode(strings.NewReader(text))
	if err != nil {
		if prob := (*problem.Problem)(nil); !errors.As(err, &prob) || prob.Fix == "" {
			t.Fatalf("%q is refused with %#v", text, err)
		}
		return
	}
	dirs, files := []string{}, []string{}
	for _, c := range p.Commands {
		dirs = append(dirs, c.Dir)
	}
	for _, pr := range p.Probes {
		dirs = append(dirs, pr.Dir)
	}
	if p.Login != nil {
		dirs = append(append(dirs, p.Login.Dir), p.Login.Paths...)
	}
	for _, dir := range dirs {
		if dir != "" {
			files = append(files, dir)
		}
	}
	for _, file := range p.Files {
		files = append(files, file.Path)
	}
	for _, r := range p.Restores {
		files = append(files, r.Path)
	}
	for _, e := range p.Env {
		files = append(files, e.File)
	}
	for _, file := range files {
		if !filepath.IsLocal(file) || strings.ContainsAny(file, "\\\x00") {
			t.Fatalf("%q is a path of %s", file, text)
		}
	}
	first := encode(t, p)
	again, err := Decode(strings.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, again) {
		t.Fatal(cmp.Diff(p, again))
	}
	if second := encode(t, again); first != second {
		t.Fatal(cmp.Diff(first, second))
	}
}
