package emulator

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/authkit-routes.md anew")

// outOfScope are the parts of WorkOS's API that no login needs, by how their
// paths begin.
var outOfScope = []struct{ prefix, what string }{
	{"/agents", "agents"}, {"/api_keys", "API keys of customers"}, {"/audit_logs", "audit logs"},
	{"/authorization/groups", "fine-grained authorization"}, {"/authorization/resources", "fine-grained authorization"},
	{"/authorization/organization_memberships", "fine-grained authorization"},
	{"/authorization/organizations/{organization_id}/resources", "fine-grained authorization"},
	{"/client", "WorkOS's own front ends"}, {"/connect", "applications of others"}, {"/data-integrations", "pipes"},
	{"/directories", "directory sync"}, {"/directory_", "directory sync"}, {"/events", "events"}, {"/feature-flags", "feature flags"},
	{"/organizations/{id}/audit_log", "audit logs"}, {"/organizations/{organizationId}/data_integration", "pipes"},
	{"/organizations/{organizationId}/groups/", "groups"},
	{"/portal", "the admin portal"}, {"/radar", "radar"}, {"/user_management/users/{user_id}/connected_accounts", "pipes"},
	{"/user_management/users/{user_id}/data_providers", "pipes"}, {"/vault", "vault"}, {"/webhook_endpoints", "webhooks"},
	{"/widgets", "widgets"},
}

var braces = regexp.MustCompile(`\{[^}]*\}`)

// served says how a route of the OpenAPI description is answered here.
func served(method, path string) string {
	r, _, _ := find(routes, method, braces.ReplaceAllString(path, "x"))
	for _, part := range outOfScope {
		if r == nil && strings.HasPrefix(path, part.prefix) {
			return "out of scope: " + part.what
		}
	}
	switch {
	case r == nil:
		return ""
	case r.why != "":
		return "501: " + r.why
	}
	return "served"
}

// TestRoutesTable holds docs/authkit-routes.md against the routes, and the routes
// against WorkOS's public OpenAPI description: each of those is served, or
// refused with a reason, or of a part that is out of scope.
func TestRoutesTable(t *testing.T) {
	src, err := os.ReadFile("testdata/openapi-routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	counts, rows := map[string]int{}, ""
	for line := range strings.Lines(string(src)) {
		method, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		how := served(method, path)
		if how == "" {
			t.Errorf("%s %s is neither served, nor refused with a reason, nor out of scope", method, path)
		}
		kind, _, _ := strings.Cut(how, ":")
		counts[kind]++
		rows += fmt.Sprintf("| `%s %s` | %s |\n", method, path, how)
	}
	want := fmt.Sprintf("# What of WorkOS's API the local AuthKit serves\n\n"+
		"Made by `go test ./internal/emulator -run TestRoutesTable -update` from WorkOS's public OpenAPI description (version of\n"+
		"2026-08-07, %d routes) and internal/emulator/served.go: %d are served, %d are refused with a 501 that says why, and %d are\n"+
		"out of scope: they get a 404 with the code `not_served_by_emulator`.\n\n| route | |\n|---|---|\n",
		counts["served"]+counts["501"]+counts["out of scope"], counts["served"], counts["501"], counts["out of scope"]) + rows
	const doc = "../../docs/authkit-routes.md"
	if *update {
		if err := os.WriteFile(doc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(doc)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the routes are; write it anew with -update (%v)", doc, err)
	}
}

// Every route of the table is found by its own path, and no two are the same.
func TestRoutesAreFound(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range [][]route{routes, inspectorRoutes} {
		for i := range table {
			r := &table[i]
			shape := r.method + " " + braces.ReplaceAllString(r.path, "{}")
			if seen[shape] {
				t.Errorf("%s is there twice", shape)
			}
			seen[shape] = true
			found, params, _ := find(table, r.method, braces.ReplaceAllString(r.path, "x"))
			if found != r || len(params) != strings.Count(r.path, "{") {
				t.Errorf("%s %s is answered by %+v", r.method, r.path, found)
			}
		}
	}
}

// What is not served says so, by a 501 with the reason.
func TestRoutesNotServed(t *testing.T) {
	b := newBench(t, &Emulator{})
	refused := 0
	for _, r := range routes {
		if r.why == "" {
			continue
		}
		refused++
		path := braces.ReplaceAllString(r.path, "x")
		b.wantAPIError(b.do(b.request(r.method, path, "", "")), http.StatusNotImplemented, "not_served_by_emulator", r.why)
	}
	if refused == 0 {
		t.Error("nothing is refused, so nothing was seen")
	}
}

// Everything of the management API wants the key.
func TestRoutesWantTheKey(t *testing.T) {
	b := newBench(t, &Emulator{})
	for _, r := range routes {
		if r.api == nil {
			continue
		}
		path := braces.ReplaceAllString(r.path, "x")
		for _, header := range []string{"", "Bearer", "Bearer sk_test_wrong", "Basic " + DefaultAPIKey, DefaultAPIKey} {
			request := b.request(r.method, path, "", "")
			if header != "" {
				request.Header.Set("Authorization", header)
			}
			if a := b.do(request); a.status != http.StatusUnauthorized || !strings.Contains(a.body, `"code":"unauthorized"`) {
				t.Errorf("%s %s with %q: %d %s", r.method, r.path, header, a.status, a.body)
			}
		}
	}
}
