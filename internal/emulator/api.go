package emulator

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// serveAPI answers a request of the management API, which takes the API key as
// a bearer token.
func (e *Emulator) serveAPI(c *call, r *route) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	c.noteValues(inQuery, query)
	if err != nil {
		c.fail(invalidParameters("the query is not properly encoded"))
		return
	}
	if !e.hasKey(c) {
		c.fail(apiFailure(http.StatusUnauthorized, "unauthorized",
			"Unauthorized: the header Authorization must be Bearer and this emulator's API key (WORKOS_API_KEY)"))
		return
	}
	in, f := readFields(c.r)
	if f != nil {
		c.fail(f)
		return
	}
	in.query = query
	c.noteFields(in)
	var out any
	saved := e.store.do(func() { out, f = r.api(e, c, in) })
	switch {
	case f != nil:
		c.fail(f)
	case saved != nil:
		c.fail(saved)
	case out == nil:
		c.begin(r.status, "done")
	default:
		c.json(r.status, "done", out)
	}
}

// hasKey reports whether a request shows the API key.
func (e *Emulator) hasKey(c *call) bool {
	scheme, key, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	return e.lenient(CheckClientSecret) ||
		strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(strings.TrimSpace(key)), []byte(e.APIKey)) == 1
}

// fields are what a request of the management API says: the object in its body,
// and its query.
type fields struct {
	body  map[string]any
	query url.Values
	wrong *[]string // fields that are not of the type that is asked for
}

// readFields reads the body of a request: an object, or nothing.
func readFields(r *http.Request) (fields, *failure) {
	in := fields{body: map[string]any{}, wrong: new([]string)}
	text, f := readBody(r)
	if f != nil {
		return in, f
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return in, nil
	}
	if contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || contentType != "application/json" {
		return in, apiFailure(http.StatusUnsupportedMediaType, "unsupported_media_type", "the content type must be application/json")
	}
	object, wrong := readObject(text)
	if wrong != "" {
		return in, invalidParameters(wrong)
	}
	in.body = object
	return in, nil
}

// readObject reads one JSON object, no member of which is there twice, or says
// what is wrong with it.
func readObject(text []byte) (object map[string]any, wrong string) {
	const none = "the body is not a JSON object"
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, none
	}
	object = map[string]any{}
	for decoder.More() {
		name, err := decoder.Token()
		var value any
		if err != nil || decoder.Decode(&value) != nil {
			return nil, none
		}
		key, _ := name.(string) // as a member's name always is
		if _, twice := object[key]; twice {
			return nil, "the parameter " + key + " is given more than once"
		}
		object[key] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, none
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, none
	}
	return object, ""
}

// readBody reads a body of bounded length.
func readBody(r *http.Request) ([]byte, *failure) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, apiFailure(http.StatusRequestEntityTooLarge, "body_too_large", "the body is longer than 64 KiB")
	case err != nil:
		return nil, oauthFailure("invalid_request", "the body could not be read")
	}
	return body, nil
}

// has reports whether a field is there, null included.
func (in fields) has(name string) bool { _, ok := in.body[name]; return ok }

// given reports whether a field is there and not null.
func (in fields) given(name string) bool { return in.body[name] != nil }

func (in fields) complain(name, kind string) { *in.wrong = append(*in.wrong, name+" must be "+kind) }

// text gives a field that is a text; missing or null, it is empty.
func (in fields) text(name string) string {
	switch value := in.body[name].(type) {
	case nil:
		return ""
	case string:
		return value
	}
	in.complain(name, "a string")
	return ""
}

// flag gives a field that is true or false.
func (in fields) flag(name string) bool {
	switch value := in.body[name].(type) {
	case nil:
		return false
	case bool:
		return value
	}
	in.complain(name, "a boolean")
	return false
}

// number gives a field that is a whole number, or what it is when it is missing.
func (in fields) number(name string, missing int) int {
	switch value := in.body[name].(type) {
	case nil:
		return missing
	case json.Number:
		if n, err := strconv.Atoi(string(value)); err == nil {
			return n
		}
	}
	in.complain(name, "an integer")
	return missing
}

// texts gives a field that is a list of texts.
func (in fields) texts(name string) []string {
	list, ok := in.body[name].([]any)
	if !ok {
		if in.given(name) {
			in.complain(name, "an array of strings")
		}
		return nil
	}
	out := make([]string, 0, len(list))
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			in.complain(name, "an array of strings")
			return nil
		}
		out = append(out, text)
	}
	return out
}

// The limits of metadata: https://workos.com/docs/authkit/metadata.
const (
	maxMetadata      = 50
	maxMetadataKey   = 40
	maxMetadataValue = 600
)

// metadata changes a map as a field says: a name whose value is null is taken
// out, and null takes them all out.
func (in fields) metadata(old map[string]string) (map[string]string, *failure) {
	if !in.has("metadata") {
		return old, nil
	}
	out := map[string]string{}
	if !in.given("metadata") {
		return out, nil
	}
	object, ok := in.body["metadata"].(map[string]any)
	maps.Copy(out, old)
	for name, value := range object {
		if value == nil {
			delete(out, name)
			continue
		}
		text, isText := value.(string)
		ok = ok && isText && utf8.RuneCountInString(name) <= maxMetadataKey && utf8.RuneCountInString(text) <= maxMetadataValue
		out[name] = text
	}
	if !ok || len(out) > maxMetadata {
		return old, badRequest("invalid_metadata",
			"metadata must be an object of up to 50 strings, with keys of up to 40 characters and values of up to 600")
	}
	return out, nil
}

// check refuses a body that lacks one of the fields, or has one of another type.
func (in fields) check(required ...string) *failure {
	for _, name := range required {
		if in.body[name] == nil || in.body[name] == "" {
			*in.wrong = append(*in.wrong, name+" is required")
		}
	}
	if len(*in.wrong) > 0 {
		return invalidParameters(strings.Join(*in.wrong, "; "))
	}
	return nil
}

// listObject is a page of a list.
type listObject struct {
	Object   string       `json:"object"`
	Data     []any        `json:"data"`
	Metadata listMetadata `json:"list_metadata"`
}

type listMetadata struct {
	Before *string `json:"before"`
	After  *string `json:"after"`
}

const (
	defaultLimit = 10
	maxLimit     = 100
)

// page gives the part of a list that a request asks for by limit, before, after
// and order (desc is the newest first, which is what nothing means). all is
// oldest first. A cursor is the id of the last object of the page before.
func page[V any](in fields, all []V, id func(V) string, show func(V) any) (any, *failure) {
	limit := defaultLimit
	if text := in.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			return nil, invalidParameters("limit must be a number from 1 to 100")
		}
		limit = n
	}
	order := in.query.Get("order")
	switch order {
	case "", "desc", "normal", "asc":
	default:
		return nil, invalidParameters("order must be asc, desc or normal")
	}
	ordered := make([]V, len(all))
	for i, v := range all {
		if order == "asc" {
			ordered[i] = v
		} else {
			ordered[len(all)-1-i] = v
		}
	}
	at := func(cursor string) (int, *failure) {
		for i, v := range ordered {
			if id(v) == cursor {
				return i, nil
			}
		}
		return 0, invalidParameters("there is no object " + cursor + " to page from")
	}
	from, to := 0, len(ordered)
	after, before := in.query.Get("after"), in.query.Get("before")
	switch {
	case after != "" && before != "":
		return nil, invalidParameters("after and before exclude each other")
	case after != "":
		i, f := at(after)
		if f != nil {
			return nil, f
		}
		from = i + 1
		to = min(to, from+limit)
	case before != "":
		i, f := at(before)
		if f != nil {
			return nil, f
		}
		to = i
		from = max(0, to-limit)
	default:
		to = min(to, limit)
	}
	out := listObject{Object: "list", Data: []any{}}
	for _, v := range ordered[from:to] {
		out.Data = append(out.Data, show(v))
	}
	if from < to {
		if from > 0 {
			out.Metadata.Before = orNull(id(ordered[from]))
		}
		if to < len(ordered) {
			out.Metadata.After = orNull(id(ordered[to-1]))
		}
	}
	return out, nil
}

// notFound is the refusal of an id that there is no object of.
func notFound(kind, id string) *failure {
	return apiFailure(http.StatusNotFound, "entity_not_found", kind+" not found: '"+id+"'.")
}
