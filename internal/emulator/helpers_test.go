package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testRedirectURI = "http://localhost:8000/callback"
	testVerifier    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	// Of testVerifier: RFC 7636, appendix B.
	testChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// clock is a clock that only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// testKey is one key for all tests that do not look at keys: making one is slow.
var testKey = sync.OnceValue(func() *signingKey {
	e := &Emulator{}
	key, err := e.signer()
	if err != nil {
		panic(err)
	}
	return key
})

// bench is an emulator under test and a browser that follows no redirect.
type bench struct {
	*testing.T
	e     *Emulator
	clock *clock
	url   string

	mu  sync.Mutex
	log []Request
}

// newBench starts e, with a clock of its own and testRedirectURI registered.
func newBench(t *testing.T, e *Emulator) *bench {
	t.Helper()
	b := &bench{T: t, e: e, clock: &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}}
	if e.KeyFile == "" {
		e.keyOnce.Do(func() { e.key = testKey() })
	}
	e.Now = b.clock.Now
	e.RegisterRedirectURI(testRedirectURI)
	e.Log = func(r Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.log = append(b.log, r)
	}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b *bench) do(r *http.Request) answer {
	b.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	if response.Header.Get("X-Request-Id") == "" {
		b.Errorf("%s %s: no x-request-id", r.Method, r.URL.Path)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func (b *bench) request(method, path, contentType, body string) *http.Request {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func (b *bench) get(path string, query url.Values) answer {
	b.Helper()
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return b.do(b.request("GET", path, "", ""))
}

func (b *bench) post(path string, form url.Values) answer {
	b.Helper()
	return b.do(b.request("POST", path, "application/x-www-form-urlencoded", form.Encode()))
}

// values makes parameters of names and values in turn; the value "-" takes the
// parameter out.
func values(base url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for name, all := range base {
		out[name] = all
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			out.Del(pairs[i])
			continue
		}
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

// goodAuthorization is an authorization request that is accepted.
func goodAuthorization(pairs ...string) url.Values {
	return values(url.Values{
		"response_type": {"code"}, "client_id": {DefaultClientID}, "redirect_uri": {testRedirectURI},
		"provider": {"authkit"}, "state": {"the state"},
		"code_challenge": {testChallenge}, "code_challenge_method": {"S256"},
	}, pairs...)
}

var idInPage = regexp.MustCompile(`name="authorization" value="([^"]+)"`)

// open opens a sign-in page and gives the id in its form.
func (b *bench) open(query url.Values) string {
	b.Helper()
	return b.id(b.get("/user_management/authorize", query), http.StatusOK, "<h1>")
}

// id gives the id in a page's form, and fails unless the page says what it should.
func (b *bench) id(page answer, status int, says string) string {
	b.Helper()
	id := idInPage.FindStringSubmatch(page.body)
	if page.status != status || id == nil || !strings.Contains(page.body, says) {
		b.Fatalf("no page with %d that says %q: %d %s\n%s", status, says, page.status, page.header.Get("Location"), page.body)
	}
	return id[1]
}

func signInForm(id string, pairs ...string) url.Values {
	return values(url.Values{
		"authorization": {id}, "email": {DefaultEmail}, "password": {DefaultPassword}, "action": {"sign-in"},
	}, pairs...)
}

// code signs in and gives the authorization code.
func (b *bench) code(query url.Values) string {
	b.Helper()
	a := b.post("/user_management/authorize", signInForm(b.open(query)))
	code := b.callback(a).Get("code")
	if code == "" {
		b.Fatalf("no code in %d %s", a.status, a.header.Get("Location"))
	}
	return code
}

// mailed gives the code in the newest mail to an email.
func (b *bench) mailed(email string) string {
	b.Helper()
	mails := b.e.Mail(email)
	if len(mails) == 0 {
		b.Fatalf("no mail to %s", email)
	}
	return mails[len(mails)-1].Code
}

// verify sends the code that a page asks for, which was mailed.
func (b *bench) verify(page answer, email string) answer {
	b.Helper()
	return b.post("/user_management/authorize", url.Values{
		"authorization": {b.id(page, http.StatusOK, "Verify your email")}, "action": {"verify-email"}, "code": {b.mailed(email)},
	})
}

// callback gives the parameters of a redirect to testRedirectURI.
func (b *bench) callback(a answer) url.Values {
	b.Helper()
	rest, ok := strings.CutPrefix(a.header.Get("Location"), testRedirectURI+"?")
	if a.status != http.StatusFound || !ok {
		b.Fatalf("not a redirect to the callback: %d %q\n%s", a.status, a.header.Get("Location"), a.body)
	}
	query, err := url.ParseQuery(rest)
	if err != nil {
		b.Fatal(err)
	}
	return query
}

// tokensAfter gives the tokens for the code in a redirect to the app.
func (b *bench) tokensAfter(a answer) authenticateResponse {
	b.Helper()
	return b.tokens(codeExchange(b.callback(a).Get("code")))
}

// codeExchange is a token request that is accepted.
func codeExchange(code string, pairs ...string) url.Values {
	return values(url.Values{
		"grant_type": {"authorization_code"}, "client_id": {DefaultClientID},
		"client_secret": {DefaultAPIKey}, "code": {code}, "code_verifier": {testVerifier},
	}, pairs...)
}

func refreshExchange(token string, pairs ...string) url.Values {
	return values(url.Values{
		"grant_type": {"refresh_token"}, "client_id": {DefaultClientID},
		"client_secret": {DefaultAPIKey}, "refresh_token": {token},
	}, pairs...)
}

const (
	tokenPath  = "/user_management/authenticate"
	signInPath = "/user_management/authorize/sign-in"
	signUpPath = "/user_management/authorize/sign-up"
)

// tokens asks for tokens and gets them.
func (b *bench) tokens(form url.Values) authenticateResponse {
	b.Helper()
	a := b.post(tokenPath, form)
	var out authenticateResponse
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 200 {
		b.Fatalf("no tokens: %d %s", a.status, a.body)
	}
	return out
}

func (b *bench) login() authenticateResponse {
	b.Helper()
	return b.tokens(codeExchange(b.code(goodAuthorization())))
}

// wantOAuthError checks a refusal as {"error", "error_description"}, and
// wantAPIError one as {"code", "message"}.
func (b *bench) wantOAuthError(a answer, status int, code, text string) {
	b.Helper()
	b.wantError(a, status, "error", code, "error_description", text)
}

func (b *bench) wantAPIError(a answer, status int, code, text string) {
	b.Helper()
	b.wantError(a, status, "code", code, "message", text)
}

func (b *bench) wantError(a answer, status int, codeKey, code, textKey, text string) {
	b.Helper()
	var body map[string]string
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		b.Fatalf("%v: %d %s", err, a.status, a.body)
	}
	if a.status != status || len(body) != 2 || body[codeKey] != code || !strings.Contains(body[textKey], text) {
		b.Errorf("got %d %s, want %d with %s %q and %s about %q", a.status, a.body, status, codeKey, code, textKey, text)
	}
	if got := a.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		b.Errorf("content type %q", got)
	}
}

// decode reads the claims of an access token after checking its signature
// against the key set, by the book and not by the package's own code.
func (b *bench) decode(token string) claims {
	b.Helper()
	return verifyToken(b.T, token, b.get("/sso/jwks/"+b.e.ClientID, nil).body)
}
