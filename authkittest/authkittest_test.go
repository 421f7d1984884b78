package authkittest_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"authfit/authkittest"
)

const seed = `
users:
  - email: mary@shop.test
    password: correct horse
    email_verified: true
organizations:
  - name: Shop
    memberships: [{user: mary@shop.test, role: admin}]
`

// A test drives an AuthKit of its own: users of a seed, a refused and a failing
// request, mail, and what was asked.
func TestServer(t *testing.T) {
	for _, secure := range []bool{false, true} {
		kit := authkittest.New(t, authkittest.Config{Seed: seed, TLS: secure})
		got := kit.SignIn("mary@shop.test", "correct horse")
		if got.User.Email != "mary@shop.test" || got.OrganizationID == "" || got.AccessToken == "" {
			t.Errorf("got %+v", got)
		}
		kit.Fail(authkittest.Failure{Path: "/sso/jwks/{clientId}", Status: http.StatusServiceUnavailable})
		for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK} {
			answer, err := kit.Client.Get(kit.URL + "/sso/jwks/" + kit.ClientID)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("got %d, want %d", answer.StatusCode, want)
			}
		}
		all := kit.Requests()
		if len(all) != 3 || all[0].Param("grant_type") != "password" || strings.Contains(all[0].Param("password"), "horse") {
			t.Errorf("got %+v", all)
		}
		if !strings.HasPrefix(kit.URL, map[bool]string{true: "https://127.0.0.1:", false: "http://127.0.0.1:"}[secure]) {
			t.Errorf("it is at %s", kit.URL)
		}
	}
}

// The clock is the AuthKit's: a session is over when it is past its end.
func TestClock(t *testing.T) {
	kit := authkittest.New(t)
	kit.SignIn(authkittest.Email, authkittest.Password)
	kit.MoveClock(31 * 24 * time.Hour)
	if last := kit.Requests()[0]; last.Status != http.StatusOK {
		t.Errorf("got %+v", last)
	}
	kit.SignIn(authkittest.Email, authkittest.Password)
	all := kit.Requests()
	if moved := all[1].Time.Sub(all[0].Time); moved < 31*24*time.Hour {
		t.Errorf("the clock moved by %v", moved)
	}
}

// fatal is a test that a helper ends.
type fatal struct {
	testing.TB
	said string
}

func (f *fatal) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// A failure that no request can get ends the test, and does not pass for one.
func TestFailRefused(t *testing.T) {
	for want, failure := range map[string]authkittest.Failure{
		"no route POST /authenticate": {Method: "POST", Path: "/authenticate", Status: http.StatusServiceUnavailable},
		"from 400 to 599":             {Path: "/organizations", Status: http.StatusOK},
		"a status or a delay_ms":      {Path: "/organizations"},
	} {
		ends := &fatal{TB: t}
		kit := authkittest.New(ends)
		done := make(chan bool)
		go func() { // which Fatalf ends
			defer close(done)
			kit.Fail(failure)
		}()
		<-done
		if !strings.Contains(ends.said, want) {
			t.Errorf("got %q, want %q", ends.said, want)
		}
	}
}

// Nothing of it is left when the test has ended.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("a test with an AuthKit", func(t *testing.T) {
		authkittest.New(t).SignIn(authkittest.Email, authkittest.Password)
	})
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buffer := make([]byte, 1<<16)
	t.Errorf("%d goroutines, and %d before:\n%s", runtime.NumGoroutine(), before, buffer[:runtime.Stack(buffer, true)])
}
