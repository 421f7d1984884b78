package problem

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
)

// A Crash is a fault of authfit itself that was caught: what kind, and where in
// authfit's code. The words of a panic are not in it, since they may quote a
// file of the project.
type Crash struct {
	Kind   string
	Places []string // "recipe/flask/plan.go:12", the innermost first
}

// Caught makes a Crash of what recover returned. It has to be called by the
// deferred function that called recover.
func Caught(v any) *Crash {
	if c, ok := v.(*Crash); ok {
		return c
	}
	c := &Crash{Kind: fmt.Sprintf("a panic with a %T", v)}
	if e, ok := v.(runtime.Error); ok { // types and numbers only
		c.Kind = e.Error()
	}
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	panicked := false
	for more := true; more && len(c.Places) < 8; {
		var f runtime.Frame
		f, more = frames.Next()
		if panicked = panicked || f.Function == "runtime.gopanic"; !panicked {
			continue // the function that called recover
		}
		if room, ok := strings.CutPrefix(f.Function, "authfit/internal/"); ok {
			dir := path.Join(path.Dir(room), firstOf(path.Base(room)))
			place := fmt.Sprintf("%s/%s:%d", dir, path.Base(f.File), f.Line)
			if !slices.Contains(c.Places, place) {
				c.Places = append(c.Places, place)
			}
		}
	}
	return c
}

// firstOf is the package in "package.(*Type).Method".
func firstOf(function string) string {
	name, _, _ := strings.Cut(function, ".")
	return name
}
