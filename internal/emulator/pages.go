package emulator

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed pages/*.html pages/style.css
var pageFiles embed.FS

var (
	pageStyle = mustRead("pages/style.css")
	pages     = template.Must(template.New("").
			Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(pageStyle) }, "marked": marked}).
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

// marked is a text with what stands between backticks in it as code.
func marked(text string) template.HTML {
	var out strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		out.WriteString(part)
	}
	return template.HTML(out.String())
}

// field is an input of a page, with its label and what is wrong with its value.
type field struct {
	Name, Label, Type, Autocomplete string
	Value, Wrong, Hint              string
	MinLength                       int
	Optional, Focus                 bool
	// Blamed says that it is among what the page's alert is about.
	Blamed bool
}

// row is somebody or something to pick, or that was picked.
type row struct{ Value, Name, About string }

// Initial stands for a picture.
func (r row) Initial() string {
	first, _ := utf8.DecodeRuneInString(r.Name)
	return string(first)
}

// rowOf shows a user.
func rowOf(u *user) row {
	if name := strings.TrimSpace(u.FirstName + " " + u.LastName); name != "" {
		return row{u.Email, name, u.Email}
	}
	return row{u.Email, u.Email, ""}
}

// signInPage is what signin.html shows.
type signInPage struct {
	ID              string // of the pending authorization
	To              string // where it leads
	Error           string
	Email, Password field
	Providers       []fact // value of the parameter, and name on the button

	// The local users and their password, shown as a hint; empty when the users
	// are somebody's own.
	Hints        []hint
	HintPassword string
}

// hint is one of the default users, as they are by now.
type hint struct {
	Email         string
	Organizations int
}

// hints are the default users who can still sign in with the default password,
// which is a constant of this package and no secret.
func (s *store) hints() []hint {
	var out []hint
	for _, email := range []string{DefaultEmail, LocalMember} {
		if u, ok := s.checkPassword(email, DefaultPassword); ok {
			out = append(out, hint{u.Email, len(s.active(u.ID))})
		}
	}
	return out
}

// DefaultEmails are whose sign-in page hints at the default password: the default
// users, as long as it is theirs.
func (e *Emulator) DefaultEmails() []string {
	e.setDefaults()
	emails := []string{}
	_ = e.store.do(func() { // nothing changes
		for _, h := range e.store.hints() {
			emails = append(emails, h.Email)
		}
	})
	return emails
}

// errorPage is what error.html shows: what is wrong, and how to mend it.
type errorPage struct {
	Title      string
	Text       string
	Facts      []fact
	Registered []string // redirect URIs
	Fixes      []string // with code between backticks
	Link       string   // to the app

	Status             int
	Request, RequestID string
}

// fact is a name and what was seen under it.
type fact struct{ Name, Value string }

// to is who a sign-in is for, in words.
func (a *authorization) to() string {
	if a.deviceCode != "" {
		return "your device"
	}
	if at, ok := origin(a.redirectURI); ok {
		_, host, _ := strings.Cut(at, "://")
		return host
	}
	return "the app"
}

// wrongPassword does not say which of the two is wrong: whoever guesses is not
// to learn who has an account.
const wrongPassword = "Wrong email or password."

// signInPage shows the form, with what was wrong the last time.
func (e *Emulator) signInPage(c *call, id string, a *authorization, status int, email, wrong string) func() {
	page := signInPage{
		ID: id, To: a.to(),
		Email:    field{Name: "email", Label: "Email", Type: "email", Autocomplete: "username", Value: email},
		Password: field{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
	}
	// The cursor is where the next thing is typed.
	switch {
	case wrong == wrongPassword:
		page.Error, page.Email.Blamed, page.Password.Blamed = wrong, true, true
		page.Password.Focus = true
	case wrong != "" || email == "":
		page.Email.Wrong, page.Email.Focus = wrong, true
	default:
		page.Password.Focus = true
	}
	for _, name := range shownProviders {
		page.Providers = append(page.Providers, fact{name, providers[name]})
	}
	page.Hints, page.HintPassword = e.store.hints(), DefaultPassword
	outcome := "sign-in page"
	if wrong != "" {
		outcome = "sign-in refused: " + wrong
	}
	if email != "" || wrong != "" {
		return func() { c.page(status, outcome, "signin.html", page) }
	}
	return func() { c.send(status, outcome, e.blanks.page(page)...) }
}

// blanks are sign-in pages as they are at first, made once for all who see the
// same: making one takes longer than anything else in a login but its signature.
type blanks struct {
	mu    sync.Mutex
	pages map[string][][]byte // the pieces between which the id stands
}

const (
	// blankID stands in a blank page for the id of the pending authorization: text
	// that no context of a page escapes, as the id is, and that no page has.
	blankID   = "ID-OF-THE-PENDING-AUTHORIZATION-OF-THIS-PAGE"
	maxBlanks = 100
)

// page gives a page in pieces.
func (b *blanks) page(p signInPage) [][]byte {
	id := []byte(p.ID)
	p.ID = blankID
	key := fmt.Sprint(p.To, p.Hints)
	b.mu.Lock()
	blank, ok := b.pages[key]
	b.mu.Unlock()
	if !ok {
		blank = bytes.Split(render("signin.html", p), []byte(blankID))
		b.mu.Lock()
		if b.pages == nil || len(b.pages) >= maxBlanks {
			b.pages = map[string][][]byte{}
		}
		b.pages[key] = blank
		b.mu.Unlock()
	}
	pieces := make([][]byte, 0, 2*len(blank))
	for i, piece := range blank {
		if i > 0 {
			pieces = append(pieces, id)
		}
		pieces = append(pieces, piece)
	}
	return pieces
}

func (c *call) errorPage(status int, page errorPage) {
	page.Status, page.Request, page.RequestID = status, c.r.Method+" "+c.r.URL.Path, c.log.ID
	c.page(status, page.Title+": "+page.Text, "error.html", page)
}

// refuse answers a browser with a page, and anything else in WorkOS's shape.
func (c *call) refuse(f *failure, page errorPage) {
	if !strings.Contains(c.r.Header.Get("Accept"), "text/html") {
		c.fail(f)
		return
	}
	if page.Text == "" {
		page.Text = sentence(f.text)
	}
	c.errorPage(f.status, page)
}

func (c *call) page(status int, outcome, name string, data any) {
	c.send(status, outcome, render(name, data))
}

func render(name string, data any) []byte {
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, name, data); err != nil {
		panic(err) // the pages and what they show are part of the program
	}
	return text.Bytes()
}

// send answers with a page, which may be in pieces.
func (c *call) send(status int, outcome string, pieces ...[]byte) {
	length := 0
	for _, piece := range pieces {
		length += len(piece)
	}
	header := c.w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", pagePolicy)
	// Not no-referrer: with it, browsers post the form with "Origin: null".
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Content-Length", strconv.Itoa(length)) // net/http sends what is longer than 2 KiB in chunks
	c.begin(status, outcome)
	for _, piece := range pieces {
		_, _ = c.w.Write(piece) // the client is gone; there is nobody to tell
	}
}
