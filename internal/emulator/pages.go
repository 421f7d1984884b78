package emulator

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strconv"
)

//go:embed pages/*.html pages/style.css
var pageFiles embed.FS

var (
	pageStyle = mustRead("pages/style.css")
	pages     = template.Must(template.New("").
			Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(pageStyle) }}).
			ParseFS(pageFiles, "pages/*.html"))

	// The pages hold one style sheet, inline, and nothing else. There is no
	// form-action here, because browsers apply it to the redirects that follow
	// the form, which lead to the app and on to wherever the app likes.
	pagePolicy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src data:; style-src 'sha256-" + styleHash() + "'"
)

func mustRead(name string) string {
	text, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return string(text)
}

func styleHash() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// signInPage is what signin.html shows.
type signInPage struct {
	ID    string // of the pending authorization
	Email string
	Error string
	// Device says that it is for one that waits.
	Device    bool
	Providers []fact // value of the parameter, and name on the button

	// The local users and their password, shown as a hint; empty when the users
	// are somebody's own.
	Hints        []User
	HintPassword string
}

// errorPage is what error.html shows: what is wrong, and how to mend it.
type errorPage struct {
	Title      string
	Text       string
	Facts      []fact
	Registered []string // redirect URIs
	Fixes      []string
	RequestID  string
}

// fact is a name and what was seen under it.
type fact struct{ Name, Value string }

func (e *Emulator) signInPage(c *call, id string, a *authorization, status int, email, wrong string) func() {
	page := signInPage{ID: id, Email: email, Error: wrong, Device: a.deviceCode != ""}
	for _, name := range shownProviders {
		page.Providers = append(page.Providers, fact{name, providers[name]})
	}
	// The default users' password is a constant of this package, not a secret.
	for _, u := range e.Users {
		if (u.Email == DefaultEmail || u.Email == LocalMember) && u.Password == DefaultPassword {
			page.Hints, page.HintPassword = append(page.Hints, u), u.Password
		}
	}
	outcome := "sign-in page"
	if wrong != "" {
		outcome = "sign-in refused: " + wrong
	}
	return func() { c.page(status, outcome, "signin.html", page) }
}

func (c *call) errorPage(status int, page errorPage) {
	page.RequestID = c.log.ID
	c.page(status, page.Title+": "+page.Text, "error.html", page)
}

func (c *call) page(status int, outcome, name string, data any) {
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, name, data); err != nil {
		panic(err) // the pages and what they show are part of the program
	}
	header := c.w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", pagePolicy)
	// Not no-referrer: with it, browsers post the form with "Origin: null".
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Content-Length", strconv.Itoa(text.Len())) // net/http sends what is longer than 2 KiB in chunks
	c.begin(status, outcome)
	_, _ = c.w.Write(text.Bytes()) // the client is gone; there is nobody to tell
}
