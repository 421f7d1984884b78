package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A route is something that WorkOS serves, and how this emulator answers it.
// One of page, api, own and why is set.
type route struct {
	method string
	// path has its parameters in braces, as the OpenAPI description does.
	path string
	// page answers by itself; nobody has to show a key.
	page func(*Emulator, *call)
	// status is api's answer when nothing is wrong.
	status int
	// api is run with the store to itself, for who shows the API key. Its result
	// becomes the JSON of the answer; nil: an answer without a body.
	api func(*Emulator, *call, fields) (any, *failure)
	// own answers the inspector; serveOwn has who may ask it. Its result is as api's,
	// but the store is not taken.
	own func(*Emulator, *call, fields) (any, *failure)
	// why says why it is not served; the answer is a 501.
	why string
}

// find gives the route for a request with the parameters in its path. Without
// one, allowed are the methods that the path takes.
func find(routes []route, method, path string) (r *route, params map[string]string, allowed []string) {
	for i := range routes { // the requests of a login, at no cost
		if r := &routes[i]; r.path == path && r.method == method && !strings.Contains(path, "{") {
			return r, map[string]string{}, nil
		}
	}
	segments := strings.Split(path, "/")
	var best *route
	for i := range routes {
		candidate := &routes[i]
		if !candidate.fits(segments) {
			continue
		}
		if candidate.method != method {
			allowed = append(allowed, candidate.method)
			continue
		}
		// What is spelled out goes before a parameter.
		if best == nil || strings.Count(candidate.path, "{") < strings.Count(best.path, "{") {
			best = candidate
		}
	}
	if best == nil {
		slices.Sort(allowed)
		return nil, nil, slices.Compact(allowed)
	}
	params = map[string]string{}
	for i, part := range strings.Split(best.path, "/") {
		if name, ok := parameter(part); ok {
			params[name], _ = url.PathUnescape(segments[i]) // a request's path is properly encoded
		}
	}
	return best, params, nil
}

// fits reports whether a path, taken apart, is one of the route's.
func (r *route) fits(segments []string) bool {
	rest := r.path
	for i, segment := range segments {
		part, more, found := strings.Cut(rest, "/")
		if found == (i == len(segments)-1) {
			return false
		}
		rest = more
		if part == segment && !strings.HasPrefix(part, "{") {
			continue
		}
		if _, ok := parameter(part); !ok || segment == "" {
			return false
		}
	}
	return true
}

// parameter gives the name of a parameter in a route's path.
func parameter(part string) (string, bool) {
	if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
		return part[1 : len(part)-1], true
	}
	return "", false
}

// serve answers a request by its route.
func (e *Emulator) serve(c *call, r *route) {
	switch {
	case r.why != "":
		c.fail(apiFailure(http.StatusNotImplemented, "not_served_by_emulator",
			"this local AuthKit does not serve "+r.method+" "+r.path+": "+r.why))
	case r.page != nil:
		r.page(e, c)
	default:
		e.serveAPI(c, r)
	}
}
