package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// inspectCurl serves GET /_authfit/api/requests/{id}/curl.
func (e *Emulator) inspectCurl(c *call) {
	r, ok := e.traffic.get(c.params["id"])
	if !ok {
		c.fail(notFound("Request", c.params["id"]))
		return
	}
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.begin(http.StatusOK, "curl")
	_, _ = c.w.Write([]byte(curl(&r, c.base()) + "\n")) // the client is gone; there is nobody to tell
}

// curl writes a request as a command for a shell. What the log does not show is a
// variable, such as "$CODE"; a key is "$WORKOS_API_KEY".
func curl(r *Request, base string) string {
	lines := []string{"curl -i"}
	if r.Method != http.MethodGet {
		lines[0] += " -X " + quoted(r.Method)
	}
	params := slices.Clone(r.Params)
	slices.SortStableFunc(params, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	hasBody := slices.ContainsFunc(params, func(p Param) bool { return p.in != inQuery })
	address := base + (&url.URL{Path: r.Path}).EscapedPath()
	var data, object []string
	for _, p := range params {
		switch {
		case p.in == inJSON:
			object = append(object, p.member())
		case p.in == inForm || !hasBody:
			data = append(data, p.pair())
		}
	}
	lines[0] += " " + quoted(address)
	if r.authorized {
		lines = append(lines, `-H "Authorization: Bearer $WORKOS_API_KEY"`)
	}
	if object != nil {
		lines = append(lines, "-H 'Content-Type: application/json'", "-d '{"+strings.Join(object, ", ")+"}'")
	}
	if data != nil && !hasBody {
		lines = append(lines, "-G") // they are the query
	}
	return strings.Join(append(lines, data...), " \\\n  ")
}

// pair is a parameter in a query or a form. What is typed is encoded by curl.
func (p Param) pair() string {
	name := url.QueryEscape(p.Name)
	switch {
	case p.Hidden:
		return `--data-urlencode "` + name + "=" + p.variable() + `"`
	case strings.ContainsFunc(p.Value, untypeable):
		return "--data " + quoted(name+"="+url.QueryEscape(p.Value))
	}
	return "--data-urlencode " + quoted(name+"="+p.Value)
}

// member is a parameter in an object of JSON, inside single quotes of a shell.
func (p Param) member() string {
	value := inJSONText(p.Value)
	switch {
	case p.Hidden && p.Length < 0:
		value = `'"` + p.variable() + `"'`
	case p.Hidden:
		value = `"'"` + p.variable() + `"'"`
	case p.literal:
		value = p.Value
	}
	return inJSONText(p.Name) + ": " + value
}

// variable is what stands for a value that is not shown.
func (p Param) variable() string {
	if p.Name == "client_secret" {
		return "$WORKOS_API_KEY"
	}
	name := strings.Map(func(r rune) rune {
		if r = unicode.ToUpper(r); r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, p.Name)
	if name == "" || name[0] <= '9' || name == "PATH" || name == "IFS" {
		name = "P_" + name
	}
	return "$" + name
}

// inJSONText writes a string of JSON to stand inside single quotes.
func inJSONText(text string) string {
	var out strings.Builder
	encoded, _ := json.Marshal(text) // never fails for a string
	for _, r := range string(encoded) {
		if r == '\'' || untypeable(r) {
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// quoted writes a text as one word of a POSIX shell.
func quoted(text string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:=%", r))
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// untypeable is what a terminal would obey when it is pasted, or an eye not see.
func untypeable(r rune) bool { return !unicode.IsPrint(r) }
