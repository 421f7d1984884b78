package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// A tap stands before the emulator and notes what the app asks of AuthKit, when
// it asks it: that nothing was asked must be certain as soon as the app answers.
type tap struct {
	authkit http.Handler

	mu        sync.Mutex
	exchanges []*exchange
}

// An exchange is a request to the token endpoint. What was answered is filled
// in before the app gets to see it.
type exchange struct {
	status    int
	refused   string // AuthKit's error and its description
	sessionID string
	refresh   string // the refresh token
}

const tokenPath = "/user_management/authenticate"

// ServeHTTP lets the emulator answer.
func (t *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != tokenPath {
		t.authkit.ServeHTTP(w, r)
		return
	}
	e := &exchange{}
	t.mu.Lock()
	t.exchanges = append(t.exchanges, e)
	t.mu.Unlock()

	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	t.authkit.ServeHTTP(rec, r)
	t.mu.Lock()
	e.read(rec)
	t.mu.Unlock()

	for name, values := range rec.header {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes()) // the app hung up: nobody to tell
}

func (e *exchange) read(rec *recorder) {
	var answer struct {
		AccessToken      string `json:"access_token"`
		RefreshToken     string `json:"refresh_token"`
		Error            string `json:"error"`
		ErrorDescription string `json:"error_description"`
		Code             string `json:"code"`
		Message          string `json:"message"`
	}
	_ = json.Unmarshal(rec.body.Bytes(), &answer) // no JSON: nothing to note
	e.status = rec.status
	e.refused = strings.TrimSpace(strings.Join([]string{answer.Error + answer.Code, answer.ErrorDescription + answer.Message}, " "))
	e.refresh = answer.RefreshToken
	e.sessionID = tokenSession(answer.AccessToken)
}

// tokenSession is the sid claim of an access token, which needs no checking
// here: the emulator on the other side of the tap made it.
func tokenSession(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var c struct {
		SID string `json:"sid"`
	}
	_ = json.Unmarshal(claims, &c)
	return c.SID
}

// count is how many requests there were to the token endpoint.
func (t *tap) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.exchanges)
}

// last is a copy of the newest exchange.
func (t *tap) last() exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.exchanges) == 0 {
		return exchange{}
	}
	return *t.exchanges[len(t.exchanges)-1]
}

// recorder keeps an answer until it has been read.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
