package emulator

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var sessionForm = regexp.MustCompile(`^session_[0-9A-HJKMNP-TV-Z]{26}$`)

// logout serves GET /user_management/sessions/logout: it ends the session and
// sends the browser to return_to. A session that is over already, or that an
// emulator before a restart began, is no mistake: the user wants out, and is.
func (e *Emulator) logout(c *call) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	c.note(query)
	if err != nil {
		c.refuseLogout(invalidParameters("the query is not properly encoded"))
		return
	}
	if f := givenTwice(query); f != nil {
		c.refuseLogout(invalidParameters(f.text))
		return
	}
	id, to := query.Get("session_id"), query.Get("return_to")
	switch {
	case id == "":
		c.refuseLogout(invalidParameters("session_id is required; it is the sid of the access token"))
		return
	case !sessionForm.MatchString(id):
		c.refuseLogout(invalidParameters("session_id is not the id of a session; it is the sid of the access token"))
		return
	case to != "" && !e.mayReturnTo(to):
		c.refuseLogout(invalidParameters("return_to is not registered here: " + to +
			" is neither a sign-out URI nor at the origin of a redirect URI (" +
			strings.Join(e.registered(), ", ") + ")"))
		return
	}
	outcome := "no such session any more: " + id
	unsaved := e.store.do(func() {
		if e.store.sessions.remove(id) {
			outcome = "session ended: " + id
		}
	})
	if unsaved != nil {
		c.refuseLogout(unsaved)
		return
	}
	if to == "" {
		to = e.homepage(e.registered())
	}
	if to == "" {
		c.page(http.StatusOK, outcome, "signedout.html", nil)
		return
	}
	c.redirect(to, nil, outcome)
}

// mayReturnTo reports whether a logout may send the browser to an address.
func (e *Emulator) mayReturnTo(address string) bool {
	at, ok := origin(address)
	if !ok {
		return false
	}
	return e.lenient(CheckReturnTo) || slices.Contains(e.LogoutURIs, address) || slices.ContainsFunc(e.registered(), func(uri string) bool {
		known, ok := origin(uri)
		return ok && known == at
	})
}

// homepage is where a logout goes that does not say where to: the first sign-out
// URI, or else the app's root. It is empty when no app is known.
func (e *Emulator) homepage(redirectURIs []string) string {
	if len(e.LogoutURIs) > 0 {
		return e.LogoutURIs[0]
	}
	return rootOf(redirectURIs)
}

// rootOf is the root of the app that the first of the addresses is of.
func rootOf(addresses []string) string {
	for _, address := range addresses {
		if at, ok := origin(address); ok {
			return at + "/"
		}
	}
	return ""
}

// refuseLogout answers in WorkOS's shape, and with a page to a browser, since a
// logout is a place that people are sent to.
func (c *call) refuseLogout(f *failure) {
	if strings.Contains(c.r.Header.Get("Accept"), "text/html") {
		c.errorPage(f.status, errorPage{Title: "Signing out failed", Text: "What is wrong: " + f.text + "."})
		return
	}
	c.fail(f)
}
