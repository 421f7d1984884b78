package emulator

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed inspector/inspector.html inspector/inspector.css inspector/inspector.js
var inspectorFiles embed.FS

var (
	inspectorTemplate = template.Must(template.New("inspector.html").
				Funcs(template.FuncMap{"when": when, "clock": timeOfDay, "span": span, "pretty": pretty, "join": strings.Join}).
				ParseFS(inspectorFiles, "inspector/inspector.html"))

	// The page's script and style are files beside it. Nothing is inline, so what
	// came with a request could not run even if it were markup.
	inspectorPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

// inspectorFile serves the page's style and script.
func (e *Emulator) inspectorFile(c *call) {
	name := path.Base(c.log.Route)
	text, err := inspectorFiles.ReadFile("inspector/" + name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
	c.w.Header().Set("Content-Type", kinds[path.Ext(name)])
	c.begin(http.StatusOK, name)
	_, _ = c.w.Write(text) // the client is gone; there is nobody to tell
}

// inspection is what inspector.html shows: one section, and how many things are
// in each.
type inspection struct {
	Sections []inspectorSection
	Section  string // the one that is shown
	Title    string
	Search   string // only what this is in
	Searches bool   // whether this section can be searched
	Shown    int    // of Matching
	Matching int
	Status   statusObject

	Requests      []requestObject
	Mail          []Message
	Users         []inspectedUser
	Organizations []inspectedOrganization
	Sessions      []inspectedSession
	Failures      []injection
	Routes        []fact // method and path
	Configured    int    // lifetime of access tokens, in seconds
}

type inspectorSection struct {
	Name, Title, Address string
	Count                int // below 0: nothing to count
}

// maxShown is how many rows the page has; the API has all.
const maxShown = 200

// inspectorPage serves the page, a section at a time.
func (e *Emulator) inspectorPage(c *call) {
	out, _ := e.inspectStatus(c, fields{}) // reads, which cannot fail to be saved
	status := out.(statusObject)
	page := &inspection{Section: c.params["section"], Search: c.r.URL.Query().Get("q"), Status: status}
	if page.Section == "" {
		page.Section = "requests"
	}
	for _, s := range []inspectorSection{
		{"requests", "Requests", "", status.Counts.Requests},
		{"mail", "Mail", "", status.Counts.Mail},
		{"users", "Users", "", status.Counts.Users},
		{"organizations", "Organizations", "", status.Counts.Organizations},
		{"sessions", "Sessions", "", status.Counts.Sessions},
		{"clock", "Clock", "", -1},
		{"failures", "Failures", "", status.Counts.Failures},
	} {
		s.Address = inspectorPath + "/" + s.Name
		if s.Name == page.Section {
			page.Title = s.Title
		}
		page.Sections = append(page.Sections, s)
	}
	if page.Title == "" {
		c.fail(apiFailure(http.StatusNotFound, "not_served_by_emulator", "the inspector has no section "+page.Section))
		return
	}
	e.inspectSection(c, page)
	var text bytes.Buffer
	if err := inspectorTemplate.Execute(&text, page); err != nil {
		panic(err) // the page and what it shows are part of the program
	}
	header := c.w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", inspectorPolicy)
	header.Set("Referrer-Policy", "no-referrer")
	c.begin(http.StatusOK, "inspector")
	_, _ = c.w.Write(text.Bytes()) // the client is gone; there is nobody to tell
}

// inspectSection fills in what the section shows.
func (e *Emulator) inspectSection(c *call, page *inspection) {
	switch page.Section {
	case "requests":
		requests := e.traffic.all()
		found := latest(page, requests, func(r Request) string {
			return fmt.Sprint(r.ID, " ", r.Method, " ", r.Path, " ", r.Status, " ", r.Outcome, " ", r.Params)
		})
		page.Requests = e.requestResponses(found)
	case "mail":
		page.Mail = latest(page, e.Mail(""), func(m Message) string { return m.To + " " + m.Subject + " " + m.Body })
	case "users":
		page.Users = latest(page, data[inspectedUser](e.inspectUsers(c, fields{})), func(u inspectedUser) string {
			return fmt.Sprint(u.ID, " ", u.Email, " ", u.FirstName, " ", u.LastName, " ", u.Memberships)
		})
	case "organizations":
		page.Organizations = latest(page, data[inspectedOrganization](e.inspectOrganizations(c, fields{})), func(o inspectedOrganization) string {
			return fmt.Sprint(o.ID, " ", o.Name, " ", o.Domains, " ", o.Memberships)
		})
	case "sessions":
		page.Sessions = latest(page, data[inspectedSession](e.inspectSessions(c, fields{})), func(s inspectedSession) string {
			return fmt.Sprint(s.ID, " ", s.Email, " ", s.UserID, " ", s.AuthMethod)
		})
	case "clock":
		page.Configured = int(e.AccessTokenLifetime.Seconds())
	case "failures":
		page.Failures = e.control.list()
		for i := range routes {
			if r := &routes[i]; r.why == "" {
				page.Routes = append(page.Routes, fact{r.method, r.path})
			}
		}
	}
}

// data is what the API answers, for the page.
func data[V any](out any, _ *failure) []V { return out.(dataObject).Data.([]V) }

// latest gives the part of a list that is shown: the newest that the search is for.
func latest[V any](page *inspection, all []V, text func(V) string) []V {
	page.Searches = true
	found := []V{}
	for _, v := range slices.Backward(all) {
		if page.Search != "" && !strings.Contains(strings.ToLower(text(v)), strings.ToLower(page.Search)) {
			continue
		}
		if page.Matching++; len(found) < maxShown {
			found = append(found, v)
		}
	}
	page.Shown = len(found)
	return found
}

// when writes a time for the eye, where this machine is.
func when(at any) (string, error) {
	switch at := at.(type) {
	case time.Time:
		return at.Local().Format(time.DateTime), nil
	case int64:
		return time.Unix(at, 0).Format(time.DateTime), nil
	case string:
		t, err := time.Parse(time.RFC3339, at)
		return t.Local().Format(time.DateTime), err
	}
	return "", fmt.Errorf("%T is no time", at)
}

// timeOfDay writes the time of day of a timestamp.
func timeOfDay(at string) (string, error) {
	t, err := time.Parse(time.RFC3339, at)
	return t.Local().Format(time.TimeOnly), err
}

// span writes a number of seconds for the eye, in the greatest units that there
// are whole ones of.
func span(seconds int) string {
	seconds = abs(seconds)
	parts := []string{}
	for _, unit := range []struct {
		name    string
		seconds int
	}{{"day", 24 * 60 * 60}, {"hour", 60 * 60}, {"minute", 60}, {"second", 1}} {
		n := seconds / unit.seconds
		seconds %= unit.seconds
		switch {
		case n == 1:
			parts = append(parts, "1 "+unit.name)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit.name))
		}
	}
	if len(parts) == 0 {
		return "0 seconds"
	}
	return strings.Join(parts, " ")
}

// pretty writes JSON on lines of its own.
func pretty(v any) (string, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	return string(text), err
}
