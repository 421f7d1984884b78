package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/problem"
)

// wheel unpacks a real release of workos and returns its folder, as
// site-packages. Wheels are kept in AUTHFIT_TEST_CACHE, where that is set.
func wheel(t *testing.T, version string) string {
	t.Helper()
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("no Python: run `make test`, or set AUTHFIT_TEST_PYTHON to a Python with workos, flask, django, fastapi and uvicorn")
	}
	cache := os.Getenv("AUTHFIT_TEST_CACHE")
	if cache == "" {
		cache = t.TempDir()
	}
	file := filepath.Join(cache, fmt.Sprintf("workos-%s-py3-none-any.whl", version))
	if _, err := os.Stat(file); err != nil {
		out, err := exec.Command(python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
			"--ignore-requires-python", "--only-binary", ":all:", "--dest", cache, "workos=="+version).CombinedOutput()
		if err != nil {
			t.Fatalf("downloading workos %s: %v: %s", version, err, out)
		}
	}
	// A wheel is a zip file of what goes into site-packages (PEP 427).
	dir := t.TempDir()
	if out, err := exec.Command(python, "-m", "zipfile", "-e", file, dir).CombinedOutput(); err != nil {
		t.Fatalf("unpacking %s: %v: %s", file, err, out)
	}
	return dir
}

func TestReleases(t *testing.T) {
	tests := []struct {
		version, dialect, requires string
		signatures                 map[string]string // by path, as String gives them; empty for one that is not there
		errors                     []string          // some of them
		problems                   []string          // their codes
	}{
		{
			version: "5.46.0", dialect: "5", requires: ">=3.8",
			signatures: map[string]string{
				"WorkOSClient":                            "WorkOSClient(*, api_key=..., client_id=..., base_url=..., request_timeout=..., jwt_leeway=...)",
				"UserManagement.get_authorization_url":    "UserManagement.get_authorization_url(*, redirect_uri, domain_hint=..., login_hint=..., state=..., provider=..., provider_scopes=..., connection_id=..., organization_id=..., code_challenge=..., prompt=..., screen_hint=...)",
				"UserManagement.authenticate_with_code":   "UserManagement.authenticate_with_code(*, code, session=..., code_verifier=..., ip_address=..., user_agent=..., invitation_token=...)",
				"UserManagement.load_sealed_session":      "UserManagement.load_sealed_session(*, sealed_session, cookie_password)",
				"UserManagement.get_logout_url":           "UserManagement.get_logout_url(session_id, return_to=...)",
				"Session.authenticate":                    "Session.authenticate()", // of a base class
				"Session.refresh":                         "Session.refresh(*, organization_id=..., cookie_password=...)",
				"session.seal_session_from_auth_response": "",
				// Behind the protocol that the sync and the async class share.
				"AsyncUserManagement.authenticate_with_code":               "async AsyncUserManagement.authenticate_with_code(*, code, session=..., code_verifier=..., ip_address=..., user_agent=..., invitation_token=...)",
				"AsyncUserManagement.load_sealed_session":                  "async AsyncUserManagement.load_sealed_session(*, sealed_session, cookie_password)",
				"AsyncUserManagement.get_logout_url":                       "AsyncUserManagement.get_logout_url(session_id, return_to=...)",
				"UserManagement.authenticate_with_refresh_token":           "UserManagement.authenticate_with_refresh_token(*, refresh_token, session=..., organization_id=..., ip_address=..., user_agent=...)",
				"AsyncWorkOSClient.user_management.get_logout_url":         "AsyncWorkOSClient.user_management.get_logout_url(session_id, return_to=...)",
				"WorkOSClient.user_management.load_sealed_session.refresh": "WorkOSClient.user_management.load_sealed_session.refresh(*, organization_id=..., cookie_password=...)",
				"workos.session.Session.seal_data":                         "workos.session.Session.seal_data(data, key)",
			},
			errors: []string{"workos.exceptions.AuthenticationException", "workos.exceptions.BadRequestException"},
		},
		{
			version: "6.0.0", dialect: "6", requires: ">=3.10",
			signatures: map[string]string{
				"UserManagement.authenticate_with_code": "UserManagement.authenticate_with_code(*, code=..., request_options=...)",
			},
			errors:   []string{"workos.WorkOSError"},
			problems: []string{"sdk-broken-refresh", "sdk-no-verifier"},
		},
		{
			version: "8.3.0", dialect: "6", requires: ">=3.10",
			signatures: map[string]string{
				"UserManagement.load_sealed_session":      "UserManagement.load_sealed_session(*, session_data, cookie_password)",
				"UserManagement.get_logout_url":           "UserManagement.get_logout_url(*, session_id, return_to=..., request_options=...)",
				"session.seal_session_from_auth_response": "session.seal_session_from_auth_response(*, access_token, refresh_token, user, impersonator=..., cookie_password)",
			},
			errors: []string{"workos.AuthenticationError", "workos.WorkOSError"},
		},
		{version: "9.1.0", dialect: "6", requires: ">=3.10", errors: []string{"workos.WorkOSError"}},
		{
			version: "10.8.0", dialect: "6", requires: ">=3.10",
			signatures: map[string]string{
				"WorkOSClient": "WorkOSClient(*, api_key=..., client_id=..., base_url=..., request_timeout=..., jwt_leeway=..., jwt_issuer=..., max_retries=..., is_public=..., http_client=...)",
				// Through the client's own property, as code calls it.
				"workos.WorkOSClient.user_management.load_sealed_session.authenticate": "workos.WorkOSClient.user_management.load_sealed_session.authenticate()",
				"UserManagement.no_such_method":                                        "",
				"NoSuchClass.method":                                                   "",
				"session.no_such_function":                                             "",
				"WorkOSClient.request_raw":                                             "WorkOSClient.request_raw(method, path, *, params=..., body=..., idempotency_key=..., request_options=...)",
			},
			errors: []string{"workos.RateLimitExceededError", "workos.WorkOSError"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.version, func(t *testing.T) {
			t.Parallel()
			dir := wheel(t, tt.version)
			s, err := Read([]string{filepath.Join(dir, "nowhere"), dir})
			if err != nil {
				t.Fatal(err)
			}
			if s.Version != tt.version || s.Dialect != tt.dialect || s.RequiresPython != tt.requires {
				t.Errorf("version %q, dialect %q, Python %q", s.Version, s.Dialect, s.RequiresPython)
			}
			if !strings.HasPrefix(strings.TrimSpace(s.README), "# WorkOS Python Library") || !strings.Contains(s.README, "WorkOSClient(") {
				t.Errorf("the README begins %.80q", s.README)
			}
			if !slices.Contains(s.Exports, "WorkOSClient") || !slices.IsSorted(s.Exports) {
				t.Errorf("exports %q", s.Exports)
			}
			for _, name := range tt.errors {
				if !slices.Contains(s.Errors, name) {
					t.Errorf("no %s in %q", name, s.Errors)
				}
			}
			for path, want := range tt.signatures {
				sig, ok := s.Signature(path)
				if got := sig.String(); ok && got != want || ok != (want != "") {
					t.Errorf("%s: got %v\n%s\nwanted\n%s", path, ok, got, want)
				}
				if ok {
					checkPlace(t, dir, sig)
				}
			}
			var codes []string
			for _, p := range s.Problems {
				codes = append(codes, p.Code)
				if !strings.Contains(p.Summary, tt.version) || !strings.Contains(p.Fix, "workos>=8.2") {
					t.Errorf("problem %s", p.Text())
				}
			}
			if diff := cmp.Diff(tt.problems, codes); diff != "" {
				t.Errorf("problems:\n%s", diff)
			}
			if want := len(Reported) - len(absent(s)); len(s.Signatures) != want || want < len(Reported)-1 {
				t.Errorf("%d signatures of %d, absent: %q", len(s.Signatures), len(Reported), absent(s))
			}
		})
	}
}

// What the numbers of releases are taken to say is so in the wheels on both
// sides of each border.
func TestDefects(t *testing.T) {
	const verifier, leadsBack = "UserManagement.authenticate_with_code", "UserManagement.get_logout_url"
	for release, c := range map[string]struct {
		codes                        string
		verifier, leadsBack, refresh bool
	}{
		"5.12.0": {"sdk-too-old", true, false, true},
		"5.13.0": {"", true, true, true},
		"6.0.4":  {"sdk-broken-refresh sdk-no-verifier", false, true, false},
		"6.0.5":  {"sdk-broken-refresh", true, true, false},
		"8.1.0":  {"sdk-broken-refresh", true, true, false},
		"8.2.0":  {"", true, true, true},
	} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			s, err := Read([]string{wheel(t, release)})
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, p := range Defects(release, "~=1.2") {
				codes = append(codes, p.Code)
				if !strings.Contains(p.Summary, "workos ~=1.2 ") {
					t.Errorf("%s", p.Summary)
				}
			}
			if got := strings.Join(codes, " "); got != c.codes {
				t.Errorf("%q, want %q", got, c.codes)
			}
			code, _ := s.Signature(verifier)
			logout, _ := s.Signature(leadsBack)
			if code.Takes("code_verifier") != c.verifier || logout.Takes("return_to") != c.leadsBack {
				t.Errorf("%s\n%s", code, logout)
			}
			// In 6.0 to 8.1 the answer, a dict, is asked for what is not in it.
			src, err := os.ReadFile(filepath.Join(s.Dir, "session.py"))
			if broken := strings.Contains(string(src), `auth_response["sealed_session"]`); err != nil || broken == c.refresh {
				t.Errorf("refresh reads a sealed_session: %v, %v", broken, err)
			}
		})
	}
}

func absent(s *SDK) (names []string) {
	for _, path := range Reported {
		if _, ok := s.Signature(path); !ok {
			names = append(names, path)
		}
	}
	return names
}

// checkPlace looks whether a signature's line really has the def or class.
func checkPlace(t *testing.T, dir string, sig Signature) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(dir, sig.File))
	if err != nil {
		t.Error(err)
		return
	}
	line := strings.Split(string(src), "\n")[sig.Line-1]
	if !strings.Contains(line, "def ") && !strings.HasPrefix(line, "class ") {
		t.Errorf("%s: %s:%d is %q", sig.Path, sig.File, sig.Line, line)
	}
}

// What the newest release says of one function, in full.
func TestSignatureInFull(t *testing.T) {
	s, err := Read([]string{wheel(t, "10.8.0")})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := s.Signature("session.seal_session_from_auth_response")
	if !ok {
		t.Fatal("not found")
	}
	want := Signature{
		Path: "session.seal_session_from_auth_response", File: "workos/session.py", Line: got.Line, Returns: "str",
		Params: []Param{
			{"access_token", "keyword", true, "str"},
			{"refresh_token", "keyword", true, "str"},
			{"user", "keyword", true, "Dict[str, Any]"},
			{"impersonator", "keyword", false, "Optional[Dict[str, Any]]"},
			{"cookie_password", "keyword", true, "str"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text := s.Text(); !strings.Contains(text, "workos 10.8.0") || !strings.Contains(text, want.String()) || !strings.Contains(text, "workos.WorkOSError") {
		t.Errorf("text:\n%s", text)
	}
}

// The interpreter's own inspect module says the same of the installed release.
func TestAsInspect(t *testing.T) {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("no Python: run `make test`, or set AUTHFIT_TEST_PYTHON to a Python with workos, flask, django, fastapi and uvicorn")
	}
	const script = `import inspect, json, sys, sysconfig
import workos, workos.session, workos.user_management
names = {"WorkOSClient": workos.WorkOSClient, "UserManagement": workos.user_management.UserManagement,
         "Session": workos.session.Session, "session": workos.session}
out = {}
for path in sys.argv[1:]:
    obj = names[path.partition(".")[0]]
    for part in path.split(".")[1:]:
        obj = getattr(obj, part)
    out[path] = [[p.name, int(p.kind), p.default is p.empty] for p in inspect.signature(obj).parameters.values() if p.name != "self"]
print(json.dumps([sysconfig.get_path("purelib"), out]))`
	out, err := exec.Command(python, append([]string{"-c", script}, Reported...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var answer []json.RawMessage
	var dir string
	var want map[string][][]any
	if err := errors.Join(json.Unmarshal(out, &answer), json.Unmarshal(answer[0], &dir), json.Unmarshal(answer[1], &want)); err != nil {
		t.Fatal(err)
	}
	s, err := Read([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	order := []string{"positional", "positional-or-keyword", "var-positional", "keyword", "var-keyword"} // inspect's numbers
	got := map[string][][]any{}
	for _, sig := range s.Signatures {
		got[sig.Path] = [][]any{}
		for _, p := range sig.Params {
			optional := p.Kind == "var-positional" || p.Kind == "var-keyword"
			got[sig.Path] = append(got[sig.Path], []any{p.Name, float64(slices.Index(order, p.Kind)), p.Required || optional})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMissing(t *testing.T) {
	needs, err := ParseNeeds([]string{
		"WorkOSClient(api_key, client_id)",
		"WorkOSError",
		"UserManagement.load_sealed_session(session_data, cookie_password)",
		"UserManagement.get_authorization_url(redirect_uri, provider, state, code_challenge, code_challenge_method)",
		"UserManagement.authenticate_with_code(code, code_verifier)",
		"session.seal_session_from_auth_response(access_token, refresh_token, user, cookie_password)",
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		version string
		want    []string // code and summary
	}{
		{"10.8.0", nil},
		{"8.3.0", nil},
		{"6.0.0", []string{"sdk-lacks-parameter: UserManagement.authenticate_with_code of workos 6.0.0 takes no code_verifier, which the generated code gives"}},
		{"5.46.0", []string{
			"sdk-lacks-function: workos 5.46.0 has no WorkOSError, which the generated code needs",
			"sdk-lacks-parameter: UserManagement.load_sealed_session of workos 5.46.0 takes no session_data, which the generated code gives",
			"sdk-demands-parameter: UserManagement.load_sealed_session of workos 5.46.0 demands sealed_session, which the generated code does not give",
			"sdk-lacks-parameter: UserManagement.get_authorization_url of workos 5.46.0 takes no code_challenge_method, which the generated code gives",
			"sdk-lacks-function: workos 5.46.0 has no session.seal_session_from_auth_response, which the generated code needs",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.version, func(t *testing.T) {
			s, err := Read([]string{wheel(t, tt.version)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range s.Missing(needs) {
				got = append(got, p.Code+": "+p.Summary)
				if p.Fix == "" {
					t.Errorf("%s has no fix", p.Code)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseNeed(t *testing.T) {
	tests := []struct {
		text string
		want Need
		err  bool
	}{
		{"WorkOSError", Need{Path: "WorkOSError"}, false},
		{"Session.authenticate()", Need{"Session.authenticate", []string{}}, false},
		{" a.b( x ,y, ) ", Need{"a.b", []string{"x", "y"}}, false},
		{"a.b(x", Need{}, true},
		{"a.b(x) more", Need{}, true},
		{"(x)", Need{}, true},
		{"", Need{}, true},
	}
	for _, tt := range tests {
		got, err := ParseNeed(tt.text)
		if (err != nil) != tt.err {
			t.Errorf("%q: error %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q:\n%s", tt.text, diff)
		}
		if again, _ := ParseNeed(got.String()); err == nil && !cmp.Equal(again, got) {
			t.Errorf("%q comes back as %q", tt.text, got.String())
		}
	}
}

func TestDamaged(t *testing.T) {
	const metadata = "Metadata-Version: 2.4\nName: workos\nVersion: 10.8.0\n\n# README\n"
	tests := []struct {
		name  string
		files map[string]string
		code  string
		says  string
	}{
		{"nothing", nil, "sdk-not-installed", "not installed"},
		{"another package", map[string]string{"workos_extra-1.0.dist-info/METADATA": metadata}, "sdk-not-installed", "not installed"},
		{"no package behind it", map[string]string{"workos-10.8.0.dist-info/METADATA": metadata}, "sdk-unreadable", "__init__.py"},
		{"no version", map[string]string{"workos-10.8.0.dist-info/METADATA": "Name: workos\n", "workos/__init__.py": ""}, "sdk-unreadable", "no Version"},
		{"not Python", map[string]string{"workos-10.8.0.dist-info/METADATA": metadata, "workos/__init__.py": "class (\n"}, "sdk-unreadable", "__init__.py"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				write(t, filepath.Join(dir, name), text)
			}
			_, err := Read([]string{dir})
			var p *problem.Problem
			if !errors.As(err, &p) || p.Code != tt.code || !strings.Contains(p.Summary, tt.says) || p.Fix == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Imports and bases that lead in a circle end; an old version says that it is.
func TestCircle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with [brackets]")
	write(t, filepath.Join(dir, "workos-4.0.0.dist-info/METADATA"), "Name: workos\r\nVersion: 4.0.0\r\n\r\nReadme\r\n")
	write(t, filepath.Join(dir, "workos/__init__.py"), "from .a import A\nfrom . import *\nclass WorkOSClient(B): pass\n")
	write(t, filepath.Join(dir, "workos/a.py"), "from .b import A\nclass B(C): pass\nclass C(B): pass\n")
	write(t, filepath.Join(dir, "workos/b.py"), "from .a import A\nfrom ...outside import X\n")
	s, err := Read([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"A", "B.method", "C.method", "A.b.c"} {
		if sig, ok := s.Signature(path); ok {
			t.Errorf("%s: found %v", path, sig)
		}
	}
	if len(s.Problems) != 1 || s.Problems[0].Code != "sdk-too-old" || s.Dialect != "" {
		t.Errorf("problems %v, dialect %q", s.Problems, s.Dialect)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
