package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/cli"
)

// TestDjangoCookieSessions gives the example, which has its login, sessions in
// signed cookies. The login follows at the next add.
func TestDjangoCookieSessions(t *testing.T) {
	for _, users := range []string{"session", "django"} {
		t.Run(users, func(t *testing.T) {
			t.Parallel()
			l, err := newLab(t.Context(), "django", python(t), func(dir string) error { return cookieSessions(dir, users, t.Output()) })
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			if users == "django" {
				if wrong := l.try(line{try: djangoUserInCookies}); wrong != "" {
					t.Error(wrong)
				}
			}
			for _, line := range lines {
				if line.number == 32 { // such sessions are in the browser only, and end with the token
					continue
				}
				if wrong := l.try(line); wrong != "" {
					t.Errorf("%d, %s: %s", line.number, line.text, wrong)
				}
			}
		})
	}
}

func cookieSessions(dir, users string, log io.Writer) error {
	for name, more := range map[string]string{
		"settings.py": "\nSESSION_ENGINE = 'django.contrib.sessions.backends.signed_cookies'\n",
		"urls.py":     guarded,
	} {
		file := filepath.Join(dir, "readinglist", name)
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, append(src, more...), 0o644); err != nil {
			return err
		}
	}
	args := []string{"add", "--users", users, "-C", dir, "--manager", "pip", "--yes", "--no-install", "--no-verify"}
	if code := cli.Main(args, strings.NewReader(""), io.Discard, log); code != 0 {
		return fmt.Errorf("authfit %s: exit code %d", strings.Join(args, " "), code)
	}
	return nil
}

// djangoUserInCookies is a user of Django as long as both cookies are there.
func djangoUserInCookies(l *lab) {
	b := l.browser()
	b.login("")
	b.shows("/whoami/", http.StatusOK, "True")
	for _, c := range b.sessionCookies() {
		one := l.browser()
		one.cookies = []*http.Cookie{c}
		one.shows("/whoami/", http.StatusOK, "False")
	}
	b.post(l.Login.Logout, b.get(l.Login.Logout).hidden())
	b.shows("/whoami/", http.StatusOK, "False")
	if left := b.sessionCookies(); len(left) > 0 {
		fail("after sign-out the browser has %v", left)
	}
}
