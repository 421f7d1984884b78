package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzRoutes throws whole conversations at the emulator: a line is a request, as
// "METHOD /path?query body", in which @user, @organization and so on stand for
// the id of such an object. None may end in a panic or a 500, send anybody to an
// address that is not registered, or leave the tables in disorder; each answer
// has the shape that it should, and the log tells of it.
func FuzzRoutes(f *testing.F) {
	all := ""
	for _, r := range slices.Concat(routes, inspectorRoutes) {
		path := r.path
		for name, id := range pathIDs {
			path = strings.ReplaceAll(path, "{"+name+"}", id)
		}
		if strings.Contains(path, "/users/{") {
			path = strings.NewReplacer("{id}", "@user").Replace(path)
		}
		kind := strings.TrimSuffix(strings.Split(strings.TrimPrefix(strings.TrimPrefix(r.path, "/user_management"), "/auth"), "/{")[0], "s")
		path = strings.ReplaceAll(path, "{id}", "@"+strings.TrimPrefix(kind, "/"))
		line := r.method + " " + path + " " + bodies
		f.Add(line)
		all += line + "\n"
	}
	f.Add(all)
	authorize := "GET /user_management/authorize?" + goodAuthorization().Encode()
	for _, action := range []string{
		"sign-in&email=ada@example.test&password=local-password", "sign-in&email=grace@example.test&password=local-password",
		"sign-up&email=new@example.test&password=long+enough", "send-code&email=ada@example.test", "forgot-password&email=ada@example.test",
		"pick-identity&email=x@example.test", "cancel", "consent", "resend-code", "choose-organization&organization_id=@organization",
	} {
		f.Add(authorize + "\nPOST /user_management/authorize authorization=@pending&action=" + action +
			"\nPOST /user_management/authorize authorization=@pending&action=verify-email&code=@code" +
			"\nPOST /user_management/authorize authorization=@pending&action=magic-code&code=@code" +
			"\nPOST /user_management/authorize authorization=@pending&action=challenge-factor&code=123456" +
			"\nPOST /user_management/authenticate client_id=" + DefaultClientID + "&client_secret=" + DefaultAPIKey +
			"&grant_type=authorization_code&code=@grant&code_verifier=" + testVerifier)
	}
	for name := range grants {
		f.Add(`POST /user_management/authenticate {"grant_type":"` + name + `","client_id":"` + DefaultClientID + `","client_secret":"` + DefaultAPIKey +
			`","email":"grace@example.test","password":"local-password","code":"@code","refresh_token":"@refresh","pending_authentication_token":"@step",` +
			`"organization_id":"@organization","authentication_challenge_id":"@challenge","device_code":"@device","invitation_token":"@invited"}`)
	}
	f.Fuzz(func(t *testing.T, conversation string) {
		var logged []Request
		e := &Emulator{RedirectURIs: []string{testRedirectURI}, Log: func(r Request) { logged = append(logged, r) }}
		e.keyOnce.Do(func() { e.key = testKey() })
		e.setDefaults()
		plantOneOfEach(e)
		for i, line := range strings.Split(conversation, "\n") {
			if i == 200 { // enough for every route
				break
			}
			before := len(logged)
			r := request(e, line)
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			checkAnswer(t, line, w)
			if !strings.HasPrefix(r.URL.Path, "/_authfit") {
				if len(logged) != before+1 || logged[before].Status != w.Code || logged[before].Outcome == "" {
					t.Errorf("%s: answered %d, logged %+v", line, w.Code, logged[before:])
				}
			}
		}
		checkTables(t, e.store)
	})
}

// pathIDs are objects for the parameters of paths that tell of which kind they are.
var pathIDs = map[string]string{
	"organizationId": "@organization", "organization_id": "@organization", "userId": "@user", "user_id": "@user", "slug": "posts:read",
	"permissionSlug": "posts:read", "token": "@invited", "external_id": "e1", "page": "sign-in", "clientId": DefaultClientID, "omId": "@membership",
}

// bodies has about every field that a route reads.
const bodies = `{"email":"new@example.test","password":"long enough","first_name":"A","last_name":null,"name":"B","external_id":"e2",` +
	`"metadata":{"a":"b","c":null},"email_verified":true,"new_email":"newer@example.test","code":"@code","token":"@reset","new_password":"long enough",` +
	`"session_id":"@session","user_id":"@user","organization_id":"@organization","role_slug":"admin","slug":"posts:read","description":"d",` +
	`"permissions":["posts:read"],"domains":["new.test"],"domain":"newer.test","uri":"http://localhost:8000/other","origin":"http://localhost:8000",` +
	`"type":"totp","totp_issuer":"I","totp_user":"U","expires_in_days":3,"client_id":"` + DefaultClientID + `","status":503,"count":1}`

// plantOneOfEach makes an object of each kind.
func plantOneOfEach(e *Emulator) {
	now, s := e.now(), e.store
	u, _ := s.users.by(emailKey(DefaultEmail))
	s.addPermission(Permission{Slug: "posts:read"}, now)
	_, _ = s.newSession(signedIn{UserID: u.ID, AuthTime: now, Method: methodPassword}, redemption{clientID: DefaultClientID, now: now, lifetime: time.Minute})
	made, _ := s.newFactor(u.ID, totpIssuer, u.Email, now)
	s.newChallenge(made.ID, now)
	s.newCode(forMagicAuth, u.ID, u.Email, now)
	s.resets.put("password_reset_1", &passwordReset{ID: "password_reset_1", UserID: u.ID, Email: u.Email, Token: "reset", Expires: now.Add(time.Hour)})
	i := &invitation{ID: "invitation_1", Email: u.Email, State: statusPending, Token: "invited", Expires: now.Add(time.Hour)}
	i.OrganizationID = NorthOrganizationID
	s.invitations.put(i.ID, i)
	s.devices.put("device", &device{Code: "device", UserCode: "BCDF-GHJK", ClientID: DefaultClientID, Expires: now.Add(time.Hour)})
	s.connections.put("conn_1", &connection{ID: "conn_1", OrganizationID: SouthOrganizationID, Name: "K", Domains: []string{"south.test"}})
	s.steps.put("step", &step{ClientID: DefaultClientID, Needs: organizationChoice, SignedIn: signedIn{UserID: u.ID, AuthTime: now}, Expires: now.Add(time.Hour)})
	s.corsOrigins.put("cors_origin_1", &corsOrigin{ID: "cors_origin_1", Origin: "http://127.0.0.1"})
}

// newest gives the id of the newest object of a table.
func newest[V any](t *table[V]) string {
	if t.newest != nil {
		return t.newest.id
	}
	return "none"
}

// request makes the request of a line.
func request(e *Emulator, line string) *http.Request {
	s := e.store
	code, refresh, invited, reset := "none", "none", "none", "none"
	if c, ok := s.oneTimeCodes.get(newest(s.oneTimeCodes)); ok {
		code = c.Code
	}
	if n, ok := s.sessions.get(newest(s.sessions)); ok {
		refresh = n.RefreshToken
	}
	if i, ok := s.invitations.get(newest(s.invitations)); ok {
		invited = i.Token
	}
	if p, ok := s.resets.get(newest(s.resets)); ok {
		reset = p.Token
	}
	line = strings.NewReplacer(
		"@user_code", "BCDF-GHJK", "@user", newest(s.users), "@organization_membership", newest(s.memberships), "@membership", newest(s.memberships),
		"@organization_domain", "org_domain_1", "@organization", newest(s.organizations), "@session", newest(s.sessions), "@factor", newest(s.factors),
		"@challenge", newest(s.challenges), "@connection", newest(s.connections), "@redirect_uri", newest(s.redirects),
		"@invitation", newest(s.invitations), "@invited", invited, "@magic_auth", newest(s.oneTimeCodes), "@email_verification", newest(s.oneTimeCodes),
		"@password_reset", newest(s.resets), "@reset", reset, "@code", code, "@refresh", refresh, "@pending", newest(s.pending),
		"@grant", newest(s.grants), "@step", newest(s.steps), "@device", newest(s.devices),
	).Replace(line)
	method, rest, _ := strings.Cut(line, " ")
	target, body, _ := strings.Cut(rest, " ")
	path, query, _ := strings.Cut(target, "?")
	r := httptest.NewRequest("GET", "http://localhost/", strings.NewReader(body))
	r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
	// Nobody waits: neither for events nor for an answer that is late.
	gone, leave := context.WithCancel(r.Context())
	leave()
	r = r.WithContext(gone)
	r.Header.Set("Authorization", "Bearer "+DefaultAPIKey)
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// checkAnswer holds an answer against what any answer has to be.
func checkAnswer(t *testing.T, line string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code < 200 || w.Code >= 500 && w.Code != http.StatusNotImplemented && w.Code != http.StatusInsufficientStorage &&
		!strings.Contains(w.Body.String(), "injected_failure") {
		t.Errorf("%s: %d: %s", line, w.Code, w.Body)
	}
	if to := w.Header().Get("Location"); to != "" {
		if at, ok := origin(to); !ok || at != "http://localhost:8000" {
			t.Errorf("%s: redirected to %q", line, to)
		}
	}
	kind := w.Header().Get("Content-Type")
	switch {
	case w.Body.Len() == 0:
	case strings.HasPrefix(kind, "application/json"):
		var body any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Errorf("%s: %v: %s", line, err, w.Body)
		}
		object, _ := body.(map[string]any)
		if w.Code >= 400 && (object["code"] == nil || object["message"] == nil) && (object["error"] == nil || object["error_description"] == nil) {
			t.Errorf("%s: no shape of a refusal: %s", line, w.Body)
		}
	case strings.HasPrefix(kind, "text/"): // pages, and the inspector's events, curl and script
	default:
		t.Errorf("%s: an answer of the type %q", line, kind)
	}
}

// checkTables wants every object to be found by its keys and by nothing else, and
// what refers to an object to have it there.
func checkTables(t *testing.T, s *store) {
	t.Helper()
	inOrder(t, s.users)
	inOrder(t, s.organizations)
	inOrder(t, s.memberships)
	inOrder(t, s.roles)
	inOrder(t, s.sessions)
	inOrder(t, s.oneTimeCodes)
	inOrder(t, s.invitations)
	inOrder(t, s.factors)
	inOrder(t, s.redirects)
	for _, m := range s.memberships.all() {
		if _, ok := s.users.get(m.UserID); !ok {
			t.Errorf("a membership of the user %s, who is not there", m.UserID)
		}
		if _, ok := s.organizations.get(m.OrganizationID); !ok {
			t.Errorf("a membership of the organization %s, which is not there", m.OrganizationID)
		}
		if len(m.Roles) == 0 || !slices.Contains(m.Roles, m.Role) {
			t.Errorf("a member with the role %q among %q", m.Role, m.Roles)
		}
	}
	for _, n := range s.sessions.all() {
		if _, ok := s.users.get(n.UserID); !ok {
			t.Errorf("a session of the user %s, who is not there", n.UserID)
		}
	}
}

func inOrder[V any](t *testing.T, table *table[V]) {
	t.Helper()
	want := map[string]int{}
	for e := table.oldest; e != nil; e = e.newer {
		if table.items[e.id] != e || e.newer != nil && e.newer.older != e {
			t.Errorf("%s %s is in the order and not found", table.kind, e.id)
		}
		for _, key := range table.keys(e.Value) {
			want[key]++
		}
	}
	got := map[string]int{}
	for key, all := range table.found {
		got[key] = len(all)
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("%s: found by %v, and not by %v", table.kind, got, want)
	}
}
