package emulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// described is what testdata/openapi-answers.json keeps of WorkOS's public
// OpenAPI description: the JSON of every answer of the routes that are served
// here, without examples and texts.
type described struct {
	Routes  map[string]map[string]*schema // "GET /path", status
	Schemas map[string]*schema

	byRoute map[string]map[string]*schema // Routes without the names of parameters
	mu      sync.Mutex
	wrong   map[string]bool
}

// schema is as much of JSON Schema as the description uses.
type schema struct {
	Ref                  string             `json:"$ref"`
	Type                 any                `json:"type"`
	Properties           map[string]*schema `json:"properties"`
	Required             []string           `json:"required"`
	Items                *schema            `json:"items"`
	AdditionalProperties any                `json:"additionalProperties"`
	Enum                 []any              `json:"enum"`
	Const                any                `json:"const"`
	OneOf                []*schema          `json:"oneOf"`
	AllOf                []*schema          `json:"allOf"`
}

func readDescribed(t *testing.T) *described {
	t.Helper()
	src, err := os.ReadFile("testdata/openapi-answers.json")
	if err != nil {
		t.Fatal(err)
	}
	d := &described{byRoute: map[string]map[string]*schema{}, wrong: map[string]bool{}}
	if err := json.Unmarshal(src, d); err != nil {
		t.Fatal(err)
	}
	for name, answers := range d.Routes {
		d.byRoute[braces.ReplaceAllString(name, "{}")] = answers
	}
	return d
}

// watch answers by an emulator, and holds every answer to the description.
func (d *described) watch(e *Emulator) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, path := r.Method, r.URL.EscapedPath()
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
		if found, _, _ := find(routes, method, path); found != nil && found.why == "" {
			if wrong := d.check(method+" "+found.path, answer); wrong != "" {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.wrong[fmt.Sprintf("%s %s, %d: %s", method, found.path, answer.Code, wrong)] = true
			}
		}
	})
}

// report fails a test for every way in which an answer was not as described.
func (d *described) report(t *testing.T) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, wrong := range slices.Sorted(maps.Keys(d.wrong)) {
		t.Error(wrong)
	}
}

// check says what is wrong with an answer of a route.
func (d *described) check(route string, answer *httptest.ResponseRecorder) string {
	answers, ok := d.byRoute[braces.ReplaceAllString(route, "{}")]
	if !ok || strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html") {
		return "" // the emulator's own, or a page
	}
	var body any
	if answer.Body.Len() > 0 {
		if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
			return err.Error()
		}
	}
	want, ok := answers[strconv.Itoa(answer.Code)]
	object, _ := body.(map[string]any)
	switch {
	case object["error"] == "sso_required":
		return "" // described with 400, and a step-up for the SDKs with 403 alone
	case ok && want != nil:
		return d.wrongWith(want, body, "")
	case ok:
		return "" // a body is one too many at most
	case answer.Code == http.StatusUnauthorized || answer.Code == http.StatusNotFound || answer.Code == http.StatusNotImplemented:
		if object["code"] != nil && object["message"] != nil {
			return "" // which any route can answer
		}
	}
	return "an answer that is not described: " + answer.Body.String()
}

// wrongWith says where a value is not what a schema says.
func (d *described) wrongWith(s *schema, value any, at string) string {
	if s.Ref != "" {
		return d.wrongWith(d.Schemas[s.Ref], value, at)
	}
	switch {
	case s.Type != nil && !ofType(s.Type, value):
		return fmt.Sprintf("%s is %v, and not of type %v", at, value, s.Type)
	case s.Const != nil && s.Const != value:
		return fmt.Sprintf("%s is %v, and not %v", at, value, s.Const)
	case s.Enum != nil && !slices.Contains(s.Enum, value):
		return fmt.Sprintf("%s is %v, and none of %v", at, value, s.Enum)
	}
	for _, part := range s.AllOf {
		if wrong := d.wrongWith(part, value, at); wrong != "" {
			return wrong
		}
	}
	if s.OneOf != nil && !slices.ContainsFunc(s.OneOf, func(one *schema) bool { return d.wrongWith(one, value, at) == "" }) {
		return fmt.Sprintf("%s is as none of what is described: %v", at, value)
	}
	switch value := value.(type) {
	case map[string]any:
		return d.wrongFields(s, value, at)
	case []any:
		for _, item := range value {
			if s.Items == nil {
				break
			}
			if wrong := d.wrongWith(s.Items, item, at+"[]"); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

func (d *described) wrongFields(s *schema, object map[string]any, at string) string {
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			return at + "." + name + " is missing"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if field := s.Properties[name]; field != nil {
			if wrong := d.wrongWith(field, object[name], at+"."+name); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

// ofType reports whether a value is of a type of JSON Schema, or of one of several.
func ofType(want, value any) bool {
	if several, ok := want.([]any); ok {
		return slices.ContainsFunc(several, func(one any) bool { return ofType(one, value) })
	}
	switch value := value.(type) {
	case nil:
		return want == "null"
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && value == float64(int64(value))
	case []any:
		return want == "array"
	default:
		return want == "object"
	}
}

// TestDescribed holds the check itself to what it must find, and the file to the
// routes that are served.
func TestDescribed(t *testing.T) {
	d := readDescribed(t)
	if len(d.Routes) < 80 {
		t.Fatalf("there are %d routes in testdata/openapi-answers.json", len(d.Routes))
	}
	const user = `"object":"user","id":"u","first_name":null,"last_name":null,"profile_picture_url":null,"email":"e",` +
		`"external_id":null,"last_sign_in_at":null,"created_at":"c","updated_at":"u"`
	for _, c := range []struct{ route, status, body, wrong string }{
		{"GET /user_management/users/{}", "200", `{` + user + `,"email_verified":true}`, ""},
		{"GET /user_management/users/{}", "200", `{` + user + `}`, ".email_verified is missing"},
		{"GET /user_management/users/{}", "200", `{` + user + `,"email_verified":"yes"}`, "not of type boolean"},
		{"GET /user_management/users", "200", `{"object":"list","data":[{` + user + `}],"list_metadata":{"before":null,"after":null}}`, ".data[].email_verified"},
		{"POST /user_management/users", "400", `{"code":"made_up","message":"m"}`, "none of what is described"},
		{"GET /authorization/roles/{}", "200", `{"type":"Role"}`, "is missing"},
		{"GET /user_management/users/{}", "409", `{}`, "not described"},
		{"GET /user_management/users/{}", "200", "", "not of type object"},
		{"DELETE /organizations/{}", "202", "", ""},
		{"DELETE /organizations/{}", "205", "", "not described"},
	} {
		answer := httptest.NewRecorder()
		answer.Header().Set("Content-Type", "application/json")
		answer.Code, _ = strconv.Atoi(c.status)
		answer.Body.WriteString(c.body)
		got := d.check(c.route, answer)
		if c.wrong == "" && got != "" || !strings.Contains(got, c.wrong) {
			t.Errorf("%s, %s, %s: %q, want %q", c.route, c.status, c.body, got, c.wrong)
		}
	}
}
