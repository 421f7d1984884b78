package emulator

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var sessionForm = regexp.MustCompile(`^session_[0-9A-HJKMNP-TV-Z]{26}$`)

// signedOut is for who cannot be sent anywhere.
var signedOut = noticePage{
	Title: "Signed out", Text: "You can close this page. No app is registered here, so there is none to go back to.",
}

// logout serves GET /user_management/sessions/logout: it ends the session and
// sends the browser to return_to. A session that is over already, or that an
// emulator before a restart began, is no mistake: the user wants out, and is.
func (e *Emulator) logout(c *call) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	c.note(query)
	if f, page := e.checkLogout(query, err); f != nil {
		page.Title = "Signing out failed"
		c.refuse(f, page)
		return
	}
	id, to := query.Get("session_id"), query.Get("return_to")
	outcome := "no such session any more: " + id
	unsaved := e.store.do(func() {
		if e.store.sessions.remove(id) {
			outcome = "session ended: " + id
		}
	})
	if unsaved != nil {
		c.refuse(unsaved, errorPage{Title: "Signing out failed"})
		return
	}
	if to == "" {
		to = e.homepage(e.registered())
	}
	if to == "" {
		c.page(http.StatusOK, outcome, "notice.html", signedOut)
		return
	}
	c.redirect(to, nil, outcome)
}

// checkLogout says what is wrong with a request to sign out, in WorkOS's words
// and on a page.
func (e *Emulator) checkLogout(query url.Values, unreadable error) (*failure, errorPage) {
	id, to := query.Get("session_id"), query.Get("return_to")
	page := errorPage{Fixes: []string{"Let the SDK build the address: `get_logout_url(session_id=..., return_to=...)`."}}
	if unreadable != nil {
		return invalidParameters("the query is not properly encoded"), page
	}
	if f := givenTwice(query); f != nil {
		return invalidParameters(f.text), page
	}
	switch {
	case id == "":
		return invalidParameters("session_id is required; it is the sid of the access token"), page
	case !sessionForm.MatchString(id):
		page.Facts = []fact{{"The app sent", masked("session_id", id)}}
		return invalidParameters("session_id is not the id of a session; it is the sid of the access token"), page
	case to != "" && !e.mayReturnTo(to):
		known := append(slices.Clone(e.LogoutURIs), e.registered()...)
		return invalidParameters("return_to is not registered here: " + to +
				" is neither a sign-out URI nor at the origin of a redirect URI (" + strings.Join(known, ", ") + ")"),
			errorPage{
				Text:       "The app asked to go on to an address that is not registered here. The session has not ended.",
				Facts:      []fact{{"The app sent", to}},
				Registered: known,
				Fixes: []string{
					"Pass a `return_to` that is a sign-out URI, or at the origin of a redirect URI; to a browser, localhost and 127.0.0.1 are two.",
					"Or pass none: the browser goes to the first sign-out URI then, or to the app's root.",
				},
			}
	}
	return nil, page
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
