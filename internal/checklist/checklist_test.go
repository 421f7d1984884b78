package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/manager"
	"authfit/internal/sdks"
)

// TestChecklist holds each example with its login against all lines, with each
// version of the SDK.
func TestChecklist(t *testing.T) {
	for _, version := range sdks.Versions {
		for _, framework := range frameworks {
			t.Run(framework+" "+version, func(t *testing.T) {
				python, err := environment(t.Context(), version)
				if err != nil {
					t.Fatal(err)
				}
				t.Parallel()
				found, err := check(t.Context(), framework, python)
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range lines {
					if wrong := found[line.number]; wrong != "" && !strings.HasPrefix(wrong, notHere) {
						t.Errorf("%d, %s: %s", line.number, line.text, wrong)
					}
				}
			})
		}
	}
}

// TestDefences takes the defences out of the generated code, one at a time, and
// wants the line to fail that each is for: a suite that passes on a broken login
// says nothing.
func TestDefences(t *testing.T) {
	for _, d := range []struct {
		line       int
		file       string
		old, broke string
		framework  string // flask where it is empty
	}{
		{1, core, `provider="authkit"`, `provider="GoogleOAuth"`, ""},
		{2, core, "secrets.token_urlsafe(32)", `"a" * 43`, ""},
		{3, core, "            code_challenge=challenge,\n            code_challenge_method=\"S256\",\n", "", ""},
		{4, routes, "    started = _authkit()", "    _authkit().redirect_uri = request.host_url + 'callback'\n    started = _authkit()", ""},
		{5, core, "LOGIN_COOKIE + hashlib.sha256(state.encode()).hexdigest()[:16]", "LOGIN_COOKIE", ""},
		{6, core, "MAX_LOGINS = 5", "MAX_LOGINS = 500", ""},
		{7, core, `return target if of_this_site and harmless else home`, `return target or "/"`, ""},
		{8, core, `"\\" not in path and `, "", ""},
		{9, core, ".isprintable()", " != ''", ""},
		{10, core, `return target if of_this_site and harmless else home`, `return "/"`, ""},
		{11, core, "self._started(cookies, states)", `self._started(cookies, states) or {"verifier": "x" * 43, "next": "/"}`, ""},
		{12, core, "self._started(cookies, states)", `self._started(cookies, states) or {"verifier": "x" * 43, "next": "/"}`, ""},
		{13, core, `return {self._login_cookie(state): "" for state in states[:1]}`, "return {}", ""},
		{14, core, "ttl=LOGIN_SECONDS", "ttl=None", ""},
		{15, core, `"Sign-in was cancelled or refused."`, "Markup(errors[0])", ""},
		{16, core, "len(codes) != 1 or", "not codes or", ""},
		{17, core, `code_verifier=login["verifier"]`, `code_verifier="x" * 43`, ""},
		{18, core, `raise LoginError(502, "AuthKit cannot be reached just now.") from error`, "raise", ""},
		{19, routes, `response.headers["Cache-Control"] = "no-store"`, `response.headers["Cache-Control"] = "private"`, ""},
		{20, views, "request.session.cycle_key()", "pass", "django"},
		{21, routes, "httponly=True", "httponly=False", ""},
		{21, routes, `samesite="Lax"`, `samesite="None"`, ""},
		{21, routes, "secure=_authkit().secure", "secure=False", ""},
		{22, core, "CHUNK = 3800", "CHUNK = 38000", ""},
		{23, routes, `"Your account", session.name`, `"Your account", session.name + _authkit()._open(sealed_session(request.cookies)).session["access_token"]`, ""},
		{24, core, "except (InvalidToken, LookupError, ValueError):", "except LookupError:", ""},
		{25, core, "logger = logging", "import jwt\n_decode = jwt.decode\njwt.decode = lambda token, *_, **__: _decode(token, options={'verify_signature': False})\nlogger = logging", ""},
		{26, core, "        except PyJWKClientConnectionError:\n            logger", "        except KeyError:\n            logger", ""},
		{27, core, ` or user["id"] != claims["sub"]`, "", ""},
		{28, core, "if token in self._refreshed:", "if False:", ""},
		{29, core, "if _refused(error):\n                    return \"\"", "if error:\n                    return \"\"", ""},
		{29, core, "if _refused(error):\n                    return \"\"", "if _refused(error):\n                    return sealed", ""},
		{30, routes, "if not _authkit().valid_form_token", "if False and not _authkit().valid_form_token", ""},
		{31, core, "return_to=self.home_url(home)", `return_to="https://evil.test/"`, ""},
		{33, routes, `return jsonify(error="not signed in"), 401`, "pass", ""},
		{34, core, ` or user["id"] != claims["sub"]`, "", ""},
	} {
		framework := d.framework
		if framework == "" {
			framework = "flask"
		}
		t.Run(fmt.Sprintf("%d %s", d.line, d.broke), func(t *testing.T) {
			t.Parallel()
			l, err := newLab(t.Context(), framework, python(t), func(dir string) error { return breakFile(dir, d.file, d.old, d.broke) })
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			if wrong := l.try(lines[d.line-1]); wrong == "" {
				t.Errorf("%q still holds", lines[d.line-1].text)
			}
		})
	}
}

// python is the interpreter of the tests' environment.
func python(t *testing.T) string {
	t.Helper()
	file, err := environment(t.Context(), manager.WorkOS.Version)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// The generated files that TestDefences breaks.
const core, routes, views = "workos_authkit.py", "workos_auth.py", "auth_views.py"

// breakFile replaces a text in a generated file of an app.
func breakFile(dir, name, old, with string) error {
	file := ""
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == name {
			file = path
		}
		return err
	})
	if err != nil || file == "" {
		return fmt.Errorf("no %s in %s: %w", name, dir, err)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !strings.Contains(string(src), old) {
		return fmt.Errorf("%s has no %q", name, old)
	}
	text := strings.Replace(string(src), old, with, 1)
	if strings.Contains(with, "Markup(") {
		text = strings.Replace(text, "from cryptography", "from markupsafe import Markup\nfrom cryptography", 1)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
