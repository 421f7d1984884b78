package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// CheckAddress says what is wrong with an address that a browser is to be sent to.
func CheckAddress(uri string) error {
	if !webAddress(uri) {
		return fmt.Errorf("%q is no http or https address without a fragment", uri)
	}
	return nil
}

// Redirects are the redirect URIs that are registered, in order of registration.
func (e *Emulator) Redirects() []string {
	e.setDefaults()
	return e.registered()
}

// registered gives the redirect URIs known by now, in order of registration.
func (e *Emulator) registered() []string {
	uris := []string{}
	_ = e.store.do(func() { uris = e.store.redirectURIs() }) // nothing changes
	return uris
}

func (s *store) redirectURIs() []string {
	uris := []string{}
	for _, r := range s.redirects.all() {
		uris = append(uris, r.URI)
	}
	return uris
}

// addRedirectURI registers a redirect URI, unless it is.
func (e *Emulator) addRedirectURI(uri string, now time.Time) *redirectURI {
	if r, ok := e.store.redirects.by("uri:" + uri); ok {
		return r
	}
	r := &redirectURI{ID: newID("redir_", now), URI: uri, CreatedAt: now}
	e.store.redirects.put(r.ID, r)
	return r
}

// registerGiven registers what was given at this start, in place of what was given
// at the one before. What was registered through the API stays.
func (e *Emulator) registerGiven() {
	for _, r := range e.store.redirects.all() {
		if r.Given && !slices.Contains(e.RedirectURIs, r.URI) {
			e.store.redirects.remove(r.ID)
		}
	}
	for _, uri := range e.RedirectURIs {
		if _, there := e.store.redirects.by("uri:" + uri); !there {
			r := e.addRedirectURI(uri, e.now())
			r.Given = true
			e.store.redirects.put(r.ID, r)
		}
	}
}

// redirectResponse shows a redirect URI; the default is the first of them.
func (e *Emulator) redirectResponse(r *redirectURI) map[string]any {
	return map[string]any{
		"object": "redirect_uri", "id": r.ID, "uri": r.URI, "default": e.store.redirects.all()[0] == r,
		"created_at": timestamp(r.CreatedAt), "updated_at": timestamp(r.CreatedAt),
	}
}

func (e *Emulator) listRedirectURIs(_ *call, in fields) (any, *failure) {
	return page(in, e.store.redirects.all(), func(r *redirectURI) string { return r.ID },
		func(r *redirectURI) any { return e.redirectResponse(r) })
}

func (e *Emulator) createRedirectURI(c *call, in fields) (any, *failure) {
	uri := in.text("uri")
	if f := in.check("uri"); f != nil {
		return nil, f
	}
	if !webAddress(uri) {
		return nil, invalidParameters("uri must be an http or https address without a fragment")
	}
	if slices.Contains(e.store.redirectURIs(), uri) {
		return nil, invalidParameters("this redirect URI is registered already")
	}
	if e.store.redirects.full() {
		return nil, full("redirect URIs", maxSmall)
	}
	return e.redirectResponse(e.addRedirectURI(uri, c.now)), nil
}

func (e *Emulator) deleteRedirectURI(c *call, _ fields) (any, *failure) {
	r, ok := e.store.redirects.get(c.params["id"])
	if !ok {
		return nil, notFound("Redirect URI", c.params["id"])
	}
	if e.store.redirects.all()[0] == r && e.store.redirects.len() > 1 {
		return nil, apiFailure(http.StatusConflict, "default_redirect_uri", "the default redirect URI cannot be deleted")
	}
	e.store.redirects.remove(r.ID)
	return nil, nil
}

func originResponse(o *corsOrigin) map[string]any {
	return map[string]any{
		"object": "cors_origin", "id": o.ID, "origin": o.Origin,
		"created_at": timestamp(o.CreatedAt), "updated_at": timestamp(o.CreatedAt),
	}
}

func (e *Emulator) listCORSOrigins(_ *call, in fields) (any, *failure) {
	return page(in, e.store.corsOrigins.all(), func(o *corsOrigin) string { return o.ID },
		func(o *corsOrigin) any { return originResponse(o) })
}

func (e *Emulator) createCORSOrigin(c *call, in fields) (any, *failure) {
	text := in.text("origin")
	if f := in.check("origin"); f != nil {
		return nil, f
	}
	at, ok := origin(text)
	if !ok || at != text {
		return nil, invalidParameters("origin must be a scheme and a host, such as http://localhost:8000")
	}
	if _, taken := e.store.corsOrigins.by("origin:" + at); taken {
		return nil, apiFailure(http.StatusConflict, "duplicate_cors_origin", "this origin is registered already")
	}
	if e.store.corsOrigins.full() {
		return nil, full("origins", maxSmall)
	}
	o := &corsOrigin{ID: newID("cors_origin_", c.now), Origin: at, CreatedAt: c.now}
	e.store.corsOrigins.put(o.ID, o)
	return originResponse(o), nil
}
