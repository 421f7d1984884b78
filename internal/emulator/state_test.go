package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

// newKept starts an emulator on a state file, as newBench does without one.
func newKept(t *testing.T, file string) *bench {
	t.Helper()
	b := newBench(t, &Emulator{StateFile: file})
	if b.e.setUpErr != nil {
		t.Fatal(b.e.setUpErr)
	}
	t.Cleanup(func() { b.e.Close() })
	return b
}

// api asks the management API, with the key.
func (b *bench) api(method, path, body string) answer {
	b.Helper()
	r := b.request(method, path, "application/json", body)
	r.Header.Set("Authorization", "Bearer "+DefaultAPIKey)
	return b.do(r)
}

// What was made before a restart is there after it: sessions refresh, codes are
// exchanged, and new accounts sign in.
func TestStateSurvivesRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	b := newKept(t, file)
	session := b.login()
	code := b.code(goodAuthorization())
	b.callback(b.verify(b.post("/user_management/authorize", signUp(b.open(goodAuthorization()))), newEmail))
	b.api("POST", "/organizations", `{"name": "East", "domains": ["east.test"], "external_id": "e1"}`)
	gone := b.login()
	b.api("DELETE", "/user_management/users/"+b.api1("/user_management/users?email="+LocalMember), "")
	b.get(logoutPath, url.Values{"session_id": {b.decode(gone.AccessToken).SessionID}})
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}

	next := newKept(t, file)
	next.tokens(refreshExchange(session.RefreshToken))
	next.tokens(codeExchange(code))
	next.wantOAuthError(next.post(tokenPath, codeExchange(code)), 400, "invalid_grant", "already been used")
	next.wantOAuthError(next.post(tokenPath, refreshExchange(gone.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
	next.callback(next.post("/user_management/authorize",
		signInForm(next.open(goodAuthorization()), "email", newEmail, "password", newUsersPassword)))
	if a := next.api("GET", "/organizations/external_id/e1", ""); a.status != 200 || !strings.Contains(a.body, `"domain":"east.test"`) {
		t.Errorf("the organization: %d %s", a.status, a.body)
	}
	if a := next.api("GET", "/user_management/users?email="+LocalMember, ""); !strings.Contains(a.body, `"data":[]`) {
		t.Errorf("a user who was deleted is back, by the seeds: %s", a.body)
	}
	if got := len(next.e.Mail(newEmail)); got != 1 {
		t.Errorf("%d mails", got)
	}
}

// api1 gives the id of the first object in a list.
func (b *bench) api1(path string) string {
	b.Helper()
	_, rest, ok := strings.Cut(b.api("GET", path, "").body, `"id":"`)
	if !ok {
		b.Fatalf("nothing at %s", path)
	}
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// The file is as the tables are, whatever happened to the objects in between.
func TestStateIsTheTables(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	b := newKept(t, file)
	for i := range 30 {
		got := b.login()
		if i%3 == 0 {
			b.tokens(refreshExchange(got.RefreshToken))
		}
		if i%5 == 0 {
			b.get(logoutPath, url.Values{"session_id": {b.decode(got.AccessToken).SessionID}})
		}
	}
	want := ids(b.e.store)
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, ids(newKept(t, file).e.store)); diff != "" {
		t.Error(diff)
	}
}

// ids gives the sessions, oldest first, and how many there are of some others.
func ids(s *store) []string {
	out := []string{fmt.Sprint(s.users.len(), s.grants.len(), s.memberships.len(), len(s.sessions.found), len(s.users.found))}
	for _, n := range s.sessions.all() {
		out = append(out, n.ID+n.RefreshToken+n.PreviousToken)
	}
	return out
}

// Passwords and keys are not in the file, and nobody else can read it.
func TestStateKeepsNoPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	b := newKept(t, file)
	b.callback(b.verify(b.post("/user_management/authorize", signUp(b.open(goodAuthorization()))), newEmail))
	b.login()
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{newUsersPassword, DefaultPassword, DefaultAPIKey} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the state file has %q in it", secret)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestStateUnusable(t *testing.T) {
	dir := t.TempDir()
	used := filepath.Join(dir, "used.db")
	newKept(t, used)
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := bolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte("user"))
		return errors.Join(err, bucket.Put([]byte("user_1"), []byte("{")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		used:    "another emulator uses it; stop that one",
		garbage: "invalid database; move it away", foreign: "; move it away", dir: "is a directory; name another file",
		filepath.Join(dir, "no", "folder.db"): "no such file or directory; make its directory first",
	} {
		_, err := (&Emulator{StateFile: name}).Start("127.0.0.1:0")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// What cannot be saved is not answered as if it had been, and is saved with what
// comes next.
func TestStateNotSaved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	b := newKept(t, file)
	good := b.login()
	db := b.e.state.db
	broken, err := bolt.Open(filepath.Join(t.TempDir(), "read-only.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.Close(); err != nil { // so that every commit fails
		t.Fatal(err)
	}
	b.e.state.db = broken
	id := b.open(goodAuthorization())
	if a := b.post("/user_management/authorize", signInForm(id)); a.status != http.StatusInsufficientStorage || a.header.Get("Location") != "" {
		t.Errorf("sign-in: %d %s", a.status, a.header.Get("Location"))
	}
	b.wantAPIError(b.post(tokenPath, refreshExchange(good.RefreshToken)), http.StatusInsufficientStorage, "state_not_saved", "could not be written")
	b.wantAPIError(b.api("POST", "/organizations", `{"name": "East"}`), http.StatusInsufficientStorage, "state_not_saved", "could not be written")
	b.get("/user_management/authorize", goodAuthorization()) // a page is not saved, so it is there

	b.e.state.db = db
	b.api("POST", "/organizations", `{"name": "West"}`)
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	all := newKept(t, file).api("GET", "/organizations?limit=100", "").body
	if !strings.Contains(all, `"name":"East"`) || !strings.Contains(all, `"name":"West"`) {
		t.Errorf("after the next change the file has %s", all)
	}
}

// Many changes at once share commits, and each is on the disk when it is answered.
func TestStateInParallel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	b := newKept(t, file)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 5 {
				r := httptest.NewRequest("POST", "http://localhost/user_management/users",
					strings.NewReader(fmt.Sprintf(`{"email": "u%d-%d@example.test"}`, i, j)))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+DefaultAPIKey)
				w := httptest.NewRecorder()
				b.e.ServeHTTP(w, r)
				if w.Code != http.StatusCreated {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				b.e.state.mu.Lock()
				left := 0
				for key := range b.e.state.waiting {
					if strings.Contains(w.Body.String(), key.id) {
						left++
					}
				}
				b.e.state.mu.Unlock()
				if left > 0 {
					t.Error("a user was answered before it was saved")
				}
			}
		})
	}
	wait.Wait()
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	if got := newKept(t, file).e.store.users.len(); got != 42 {
		t.Errorf("%d users, want 42", got)
	}
}

// The clock of the file's objects is the emulator's.
func TestStateTimes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	b := newKept(t, file)
	token := b.login().RefreshToken
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	next := newKept(t, file)
	next.clock.Advance(sessionLifetime + time.Second)
	next.wantOAuthError(next.post(tokenPath, refreshExchange(token)), 400, "invalid_grant", "the session has ended")
}

// What the inspector changed is there after a restart, and what was used up is not.
func TestStateKeepsControl(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	start := func() *bench {
		b := newBench(t, &Emulator{StateFile: file, Failures: []Failure{{Path: "/organizations", Status: 503, Count: 2}}})
		if b.e.setUpErr != nil {
			t.Fatal(b.e.setUpErr)
		}
		return b
	}
	b := start()
	b.e.MoveClock(time.Hour)
	b.e.SetAccessTokenLifetime(-time.Second)
	if err := b.e.Fail(Failure{Path: "/connections", Status: 500}); err != nil {
		t.Fatal(err)
	}
	if a := b.api("GET", "/organizations", ""); a.status != 503 {
		t.Fatalf("a failure: %d", a.status)
	}
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	next := start()
	for _, want := range []int{503, 200} {
		if a := next.api("GET", "/organizations", ""); a.status != want {
			t.Errorf("after a restart: %d, want %d", a.status, want)
		}
	}
	if a := next.api("GET", "/connections", ""); a.status != 500 || next.e.control.offset() != time.Hour || next.e.tokenLifetime() != -time.Second {
		t.Errorf("%d, %v, %v", a.status, next.e.control.offset(), next.e.tokenLifetime())
	}
	if f := next.e.reset(); f != nil {
		t.Fatal(f.text)
	}
	if err := next.e.Close(); err != nil {
		t.Fatal(err)
	}
	last := start()
	defer last.e.Close()
	if a := last.api("GET", "/organizations", ""); a.status != 503 || last.e.control.offset() != 0 {
		t.Errorf("after a reset: %d, %v", a.status, last.e.control.offset())
	}
}

// Redirect URIs that were given at the start are those of this start; one that was
// registered since stays.
func TestStateRedirectURIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	var last *Emulator
	for _, given := range []string{"http://localhost:1/cb", "http://localhost:2/cb"} {
		last = &Emulator{StateFile: file, RedirectURIs: []string{given}}
		last.RegisterRedirectURI("http://localhost:3/cb")
		if err := last.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"http://localhost:3/cb", "http://localhost:2/cb"}, last.Redirects()); diff != "" {
		t.Error(diff)
	}
}

// The sign-in page hints at who can sign in, and at nobody who cannot any more.
func TestHintsAreOfTheStore(t *testing.T) {
	b := newBench(t, &Emulator{})
	if diff := cmp.Diff([]string{DefaultEmail, LocalMember}, b.e.DefaultEmails()); diff != "" {
		t.Error(diff)
	}
	id := b.api1("/user_management/users?email=" + LocalMember)
	b.api("DELETE", "/user_management/users/"+id, "")
	b.api("PUT", "/user_management/users/"+b.api1("/user_management/users?email="+DefaultEmail), `{"password": "another one"}`)
	if got := b.e.DefaultEmails(); len(got) != 0 {
		t.Errorf("emails: %q", got)
	}
	if page := b.get("/user_management/authorize", goodAuthorization()); strings.Contains(page.body, DefaultPassword) || strings.Contains(page.body, LocalMember) {
		t.Errorf("the page hints at who is gone:\n%s", page.body)
	}
	if f := b.e.reset(); f != nil {
		t.Fatal(f.text)
	}
	if got := b.e.DefaultEmails(); len(got) != 2 || b.api1("/user_management/users?email="+LocalMember) != id {
		t.Errorf("after a reset: %q, or another id", got)
	}
}
