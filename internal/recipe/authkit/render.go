package authkit

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// The dialects of the workos package that the generated Python speaks.
const (
	SDK5 = "5" // 5.x, which Python 3.8 and 3.9 get
	SDK6 = "6" // 8.2 and newer
)

// Features are what a login can do beyond sign-in and sign-out, by the names
// that `add --with` takes. Only what an app asks for is generated.
var Features = []string{"sign-up", "organizations", "roles", "recent-login"}

// What a login has where the app's code asks for it, and not its owner.
const (
	AsyncViews     = "async-views"     // for templates of async views
	UserLinks      = "user-links"      // for pages that have no template
	CookieSessions = "cookie-sessions" // for sessions that are a cookie, which holds too little
)

// known are all names of features.
var known = append(slices.Clone(Features), AsyncViews, UserLinks, CookieSessions)

// A Variant is the form in which an app gets the generated modules.
//
// Their sources have regions between the comments "# authfit: begin NAME" and
// "# authfit: end"; a second begin ends the first. The names are "sdk5" and
// "sdk6" for a dialect, "sync" and "async" for the client, and the features'
// and what the app's code asks for; "a b" means any of them, and "a+b" both.
type Variant struct {
	Dialect  string // SDK5, or SDK6 where it is empty
	Async    bool   // with the SDK's async client
	Features []string
}

// Render is a module in this form: the regions that are meant, and no marks.
func (v Variant) Render(source []byte) []byte {
	var out strings.Builder
	keep := true
	for line := range strings.Lines(string(source)) {
		mark, ok := strings.CutPrefix(strings.TrimSpace(line), "# authfit: ")
		if !ok {
			if keep {
				out.WriteString(line)
			}
			continue
		}
		names, begin := strings.CutPrefix(mark, "begin ")
		keep = !begin || slices.ContainsFunc(strings.Fields(names), v.has)
	}
	return []byte(out.String())
}

func (v Variant) has(name string) bool {
	if one, others, both := strings.Cut(name, "+"); both {
		return v.has(one) && v.has(others)
	}
	switch name {
	case "sdk5":
		return v.Dialect == SDK5
	case "sdk6":
		return v.Dialect != SDK5
	case "async":
		return v.Async
	case "sync":
		return !v.Async
	}
	if !slices.Contains(known, name) {
		panic(fmt.Sprintf("a generated module has a region %q", name))
	}
	return slices.Contains(v.Features, name)
}

// Core is the protocol module in this form.
func (v Variant) Core() []byte {
	source := string(v.Render(core))
	if !v.Async {
		source = toSync.Replace(source)
	}
	return []byte(source)
}

// toSync makes the sync module of the async one, as httpcore and others make
// theirs.
var toSync = strings.NewReplacer(
	"AsyncWorkOSClient", "WorkOSClient",
	"async def ", "def ", "async with ", "with ", "await ", "",
	"anyio.Lock()", "threading.Lock()",
)

// in is the form that a module made from source has, by what is in it.
func (v Variant) in(source, module []byte) Variant {
	is := Variant{Dialect: SDK6, Async: v.Async}
	for line := range regionLines(source, "sdk5") {
		if strings.Contains(string(module), line) {
			is.Dialect = SDK5
		}
		break
	}
	for _, feature := range known {
		for line := range regionLines(source, feature) {
			if def, ok := strings.CutPrefix(line, "def "); ok {
				if strings.Contains(string(module), "def "+def) {
					is.Features = append(is.Features, feature)
				}
				break
			}
		}
	}
	return is
}

// regionLines are the lines in the regions of a name, without their indentation
// and await's async.
func regionLines(source []byte, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		inside := false
		for line := range strings.Lines(string(source)) {
			line = strings.TrimSpace(line)
			if mark, ok := strings.CutPrefix(line, "# authfit: "); ok {
				inside = mark == "begin "+name
				continue
			}
			if inside && line != "" && !yield(strings.TrimPrefix(line, "async ")) {
				return
			}
		}
	}
}
