package verify

import (
	"strings"
	"testing"
)

// Each app is the good one with one thing wrong, and the check that is about
// it must fail, and say so.
func TestBrokenApps(t *testing.T) {
	interpreter := python(t)
	const exchange = `    pending = session.pop("pending", {}).get(request.args.get("state", ""))
    if pending is None:
        abort(400)
`
	tests := []struct {
		name    string
		breaks  []string
		env     []string
		failing []string // the checks that fail; those that build on them are skipped
		detail  string   // of the first
		fix     string
		runs    bool // the app takes requests all the same, and the login is walked
	}{
		{
			name:    "crash on boot",
			breaks:  []string{`app = Flask(__name__)`, `app = Flask(__name__, nonsense=os.environ["WORKOS_API_KEY"])`},
			failing: []string{"boot", "framework"},
			detail:  "TypeError: Flask.__init__() got an unexpected keyword argument 'nonsense'",
			fix:     "start it yourself",
		},
		{
			name:    "exits without a word",
			breaks:  []string{`app = Flask(__name__)`, "app = Flask(__name__)\nif 'flask' in __import__('sys').argv[0]: os._exit(7)"},
			failing: []string{"boot"},
			detail:  "exit status 7",
		},
		{
			name:    "broken home page",
			breaks:  []string{`    signed_in = current()` + "\n    return f\"<p>Hello {", `    signed_in = nobody()` + "\n    return f\"<p>Hello {"},
			failing: []string{"boot"},
			detail:  "GET / -> 500, an error page: NameError: name 'nobody' is not defined (app.py:",
			fix:     "the view behind /",
			runs:    true,
		},
		{
			name:    "does not answer to localhost",
			breaks:  []string{"app = Flask(__name__)", "app = Flask(__name__)\n@app.before_request\ndef host():\n    if not request.host.startswith('127.0.0.1'):\n        return 'Invalid host header', 400"},
			failing: []string{"boot"},
			detail:  "GET / -> 400: the app does not answer to the name localhost",
			fix:     "ALLOWED_HOSTS",
		},
		{
			name:    "client with an address of its own",
			breaks:  []string{`    client_id=os.environ["WORKOS_CLIENT_ID"],`, `    client_id=os.environ["WORKOS_CLIENT_ID"], base_url="https://api.workos.com/",`},
			failing: []string{"login"},
			detail:  "https://api.workos.com, which is not the AuthKit at http://127.0.0.1:",
			fix:     "WORKOS_BASE_URL",
		},
		{
			name:    "another login before all",
			breaks:  []string{"app = Flask(__name__)", "app = Flask(__name__)\n@app.before_request\ndef first():\n    if request.path == '/login':\n        return redirect('/own')\n    if request.path == '/own':\n        return 'Your password?'"},
			failing: []string{"login"},
			detail:  "and no redirect to AuthKit",
			fix:     "the app sends people to /own before /login is asked",
		},
		{
			name:    "no provider",
			breaks:  []string{`            provider="authkit",`, ``},
			failing: []string{"login"},
			detail:  `provider=""`,
			fix:     "get_authorization_url",
		},
		{
			name:    "no state",
			breaks:  []string{`            state=state,`, ``},
			failing: []string{"login"},
			detail:  "has no state",
		},
		{
			name:    "short state",
			breaks:  []string{`secrets.token_urlsafe(32)`, `secrets.token_urlsafe(8)`},
			failing: []string{"login"},
			detail:  "too few",
		},
		{
			name:    "the same state for everyone",
			breaks:  []string{`secrets.token_urlsafe(32)`, `"x" * 43`},
			failing: []string{"login"},
			detail:  "two logins have the same state",
		},
		{
			name:    "no PKCE",
			breaks:  []string{`            code_challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),`, ``, `            code_challenge_method="S256",`, ``},
			failing: []string{"login"},
			detail:  "no S256 code challenge",
		},
		{
			name:    "redirect URI of its own",
			breaks:  []string{`os.environ["WORKOS_REDIRECT_URI"]`, `"http://localhost:5000/callback"`},
			failing: []string{"login"},
			detail:  `redirect_uri="http://localhost:5000/callback"`,
		},
		{
			name:    "wrong verifier",
			breaks:  []string{`code_verifier=verifier`, `code_verifier=verifier[1:]`},
			failing: []string{"callback"},
			detail:  "GET /callback -> 500, an error page: workos._errors.BadRequestError",
			fix:     "the view behind /callback",
		},
		{
			name:    "code never exchanged",
			breaks:  []string{`    verifier, target = pending`, `    return redirect("/")`},
			failing: []string{"callback"},
			detail:  "did not give AuthKit the code",
		},
		{
			name:    "no redirect after the callback",
			breaks:  []string{`make_response(redirect(target))`, `make_response("<p>Signed in</p>")`},
			failing: []string{"callback"},
			detail:  "wanted a redirect into the app; it says: Signed in",
		},
		{
			name:    "code left in the address",
			breaks:  []string{`redirect(target)`, `redirect(target + "?code=" + request.args["code"])`},
			failing: []string{"callback"},
			detail:  "still has code or state",
		},
		{
			name:    "callback cached",
			breaks:  []string{`    response.headers["Cache-Control"] = "no-store"`, ``},
			failing: []string{"callback"},
			detail:  "without Cache-Control: no-store",
		},
		{
			name:    "CSRF protection on the callback",
			breaks:  []string{`    if request.args.get("error"):`, `    if request.args.get("code"): return "CSRF verification failed.", 403` + "\n" + `    if request.args.get("error"):`},
			failing: []string{"callback", "replayed_code"},
			detail:  "GET /callback -> 403, but the app did not give AuthKit the code; it says: CSRF verification failed.",
		},
		{
			name:    "cookie of another path",
			breaks:  []string{`httponly=True, samesite="Lax"`, `httponly=True, samesite="Lax", path="/callback"`},
			failing: []string{"session", "protected"},
			detail:  "the session does not hold",
			fix:     "path",
		},
		{
			name:    "cookie too large for a browser",
			breaks:  []string{`"wos_session", sealed,`, `"wos_session", sealed + "x" * 4096,`},
			failing: []string{"session", "protected"},
			detail:  "browsers drop what is over 4096",
			fix:     "under 4,096 bytes",
		},
		{
			name:   "pending login in a Strict cookie",
			breaks: []string{`app.secret_key =`, `app.config["SESSION_COOKIE_SAMESITE"] = "Strict"` + "\napp.secret_key ="},
			// The callback comes from AuthKit's site, without the cookie.
			failing: []string{"callback"},
			detail:  "GET /callback -> 400",
		},
		{
			name:    "user not shown at home",
			breaks:  []string{`<p>Hello {escape(signed_in.user['email'])}</p>`, `<p>Hello you</p>`},
			failing: []string{"session"},
			detail:  "GET / -> 200, without ada@example.test; it says: Hello you",
		},
		{
			name:    "account open to all",
			breaks:  []string{`        return redirect(url_for("login", next="/account"))`, `        return "nobody"`},
			failing: []string{"protected", "logout", "bad_state", "replayed_code", "denied"},
			detail:  "GET /account -> 200, and no redirect to AuthKit; it says: nobody",
		},
		{
			name:    "API client redirected",
			breaks:  []string{`        if request.accept_mimetypes.best`, `        if False and request.accept_mimetypes.best`},
			failing: []string{"protected"},
			detail:  "GET /account -> 302 for an API client",
		},
		{
			name:    "does not come back",
			breaks:  []string{`request.args.get("next", "/")`, `"/"`},
			failing: []string{"protected"},
			detail:  "after login the browser is at GET / -> 200, wanted /account",
		},
		{
			name:    "GET logs out",
			breaks:  []string{`def ask():`, `def ask():` + "\n    r = make_response('<form method=post></form>'); r.delete_cookie('wos_session'); return r"},
			failing: []string{"logout"},
			detail:  "GET /logout alone has ended the session",
			fix:     "image tag",
		},
		{
			name:    "no button",
			breaks:  []string{`<form method="post">`, `<form method="get">`},
			failing: []string{"logout"},
			detail:  "a page without a form that posts to /logout",
		},
		{
			name:    "logout form refused",
			breaks:  []string{`value="{session['token']}"`, `value=""`},
			failing: []string{"logout"},
			detail:  "the form on the logout page is refused",
			fix:     "CSRF token",
		},
		{
			name:    "logout local only",
			breaks:  []string{"        redirect(\n            workos.user_management.get_logout_url(\n                session_id=signed_in.session_id, return_to=url_for(\"home\", _external=True)\n            )\n        )", `redirect("/")`},
			failing: []string{"logout"},
			detail:  "POST /logout -> 302 to /: the session at AuthKit goes on",
			fix:     "get_logout_url",
		},
		{
			name:    "logout at AuthKit only",
			breaks:  []string{`    response.delete_cookie("wos_session")`, ``},
			failing: []string{"logout"},
			detail:  "GET /account -> 200 after logout",
		},
		{
			name:    "logout of another session",
			breaks:  []string{`session_id=signed_in.session_id`, `session_id="session_01ARZ3NDEKTSV4RRFFQ69G5FAV"`},
			failing: []string{"logout"},
			detail:  "another session_id",
		},
		{
			name:    "logout returns elsewhere",
			breaks:  []string{`return_to=url_for("home", _external=True)`, `return_to="https://example.test/"`},
			failing: []string{"logout"},
			detail:  "AuthKit's logout does not lead back to the app",
		},
		{
			name: "state not checked",
			breaks: []string{exchange, `    pending = next(iter(session.get("pending", {}).values()), None)
    if pending is None:
        abort(400)
`},
			failing: []string{"bad_state", "replayed_code"},
			detail:  "another state: GET /callback -> 302, wanted a 4xx",
		},
		{
			name:    "state kept on the server, for any browser",
			breaks:  []string{`session["pending"] = pending`, `everyone.update(pending)`, `session.pop("pending", {}).get(`, `everyone.pop(`, `request.args.get("state", ""))`, `request.args.get("state", ""), None)`, `app = Flask(__name__)`, "app = Flask(__name__)\neveryone = {}"},
			failing: []string{"bad_state"},
			detail:  "the state of another browser: GET /callback -> 302, wanted a 4xx",
		},
		{
			name:    "no state is an exception",
			breaks:  []string{`request.args.get("state", "")`, `request.args["state"] + {"": ""}[request.args.get("state", "")[:0]] if "state" in request.args else {}["state"]`},
			failing: []string{"bad_state"},
			detail:  "no state: GET /callback -> 500, an error page: KeyError: 'state' (app.py:",
			fix:     "the view behind /callback",
		},
		{
			name: "code used before the state is compared",
			breaks: []string{exchange, `    try:
        workos.user_management.authenticate_with_code(code=request.args["code"] + "x", code_verifier="x")
    except Exception:
        pass
` + exchange},
			failing: []string{"bad_state"},
			detail:  "but the app gave AuthKit the code first",
		},
		{
			name:    "no protection against replay",
			breaks:  []string{`session.pop("pending", {})`, `session.get("pending", {})`},
			failing: []string{"replayed_code"},
			detail:  "the same callback again: GET /callback -> 500, an error page: workos._errors.BadRequestError",
		},
		{
			name:    "500 on a refusal",
			breaks:  []string{`    if request.args.get("error"):`, `    dict(request.args)["code"]` + "\n    if False:"},
			failing: []string{"denied"},
			detail:  "GET /callback -> 500, an error page: KeyError: 'code'",
		},
		{
			name: "traceback on a refusal",
			// With FLASK_DEBUG the app runs below a reloader, in a process of its own.
			env:     []string{"FLASK_DEBUG=1"},
			breaks:  []string{`    if request.args.get("error"):`, `    if False:`},
			failing: []string{"denied"},
			detail:  "the Werkzeug debugger",
		},
		{
			name:    "refusal not escaped",
			breaks:  []string{`return "<h1>Not signed in</h1>", 400`, `return request.args["error_description"], 400`},
			failing: []string{"denied"},
			detail:  "unescaped",
		},
		{
			name:    "refusal sent back to sign in",
			breaks:  []string{`return "<h1>Not signed in</h1>", 400`, `return redirect("/account")`},
			failing: []string{"denied"},
			detail:  "sent to sign in again",
		},
		{
			name:    "refusal shown as success",
			breaks:  []string{`return "<h1>Not signed in</h1>", 400`, `return "Welcome"`},
			failing: []string{"denied"},
			detail:  "GET /callback -> 200, wanted a 4xx or a redirect",
		},
	}
	// What is skipped when a check does not pass.
	builtOn := map[string][]string{
		"boot":     {"login", "callback", "session", "protected", "logout", "bad_state", "replayed_code", "denied"},
		"login":    {"callback", "session", "protected", "logout", "bad_state", "replayed_code", "denied"},
		"callback": {"session", "protected", "logout", "replayed_code"},
		"session":  {"logout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pl := flaskPlan(interpreter)
			pl.Login.Env = tt.env
			report := run(t, Options{Root: project(t, tt.breaks...), Plan: pl, Login: true})
			if report.Outcome != Failed {
				t.Errorf("outcome %q", report.Outcome)
			}
			want := map[string]Status{}
			for _, id := range []string{"sdk", "credentials", "framework", "boot", "login", "callback", "session", "protected", "logout", "bad_state", "replayed_code", "denied"} {
				want[id] = Pass
			}
			for _, id := range tt.failing {
				want[id] = Fail
			}
			for _, id := range tt.failing {
				if tt.runs {
					break
				}
				for _, later := range builtOn[id] {
					want[later] = Skip
				}
			}
			for id, got := range statuses(report) {
				if got != want[id] {
					t.Errorf("%s: %s, wanted %s", id, got, want[id])
				}
			}
			c := find(t, report, tt.failing[0])
			if !strings.Contains(c.Detail, tt.detail) {
				t.Errorf("%s says %q, wanted %q in it", c.ID, c.Detail, tt.detail)
			}
			if c.Fix == "" && tt.fix != "" || !strings.Contains(c.Fix, tt.fix) {
				t.Errorf("%s says to fix %q, wanted %q in it", c.ID, c.Fix, tt.fix)
			}
		})
	}
}
