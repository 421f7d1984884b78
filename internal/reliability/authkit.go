package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const callback = "http://localhost:8000/callback"

// An authkit is a running `authfit emulate`.
type authkit struct {
	cmd    *exec.Cmd
	url    string
	client string // client id
	key    string
	said   *bytes.Buffer // on standard error
	http   *http.Client
}

// startAuthKit starts one, with its standard output's first line read.
func startAuthKit(argv, env []string, args ...string) (*authkit, error) {
	args = append([]string{"emulate", "--addr", "127.0.0.1:0", "--redirect-uri", callback, "--output", "json"}, args...)
	a := &authkit{cmd: exec.Command(argv[0], append(argv[1:], args...)...), said: &bytes.Buffer{}}
	a.cmd.Dir = os.TempDir()
	a.cmd.Env = append(os.Environ(), env...)
	a.cmd.Stderr = a.said
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	var first struct {
		URL      string `json:"url"`
		ClientID string `json:"client_id"`
		APIKey   string `json:"api_key"`
	}
	if err = errors.Join(err, json.Unmarshal([]byte(line), &first)); err != nil {
		a.kill()
		return nil, fmt.Errorf("emulate did not start: %w: %s", err, a.said)
	}
	a.url, a.client, a.key = first.URL, first.ClientID, first.APIKey
	a.http = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 128},
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return a, nil
}

// kill ends it without a word.
func (a *authkit) kill() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
}

// stop asks it to end, as Ctrl-C does, and wants it to.
func (a *authkit) stop() error {
	a.http.CloseIdleConnections()
	if err := a.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	timer := time.AfterFunc(20*time.Second, func() { _ = a.cmd.Process.Kill() })
	err := a.cmd.Wait()
	timer.Stop()
	if code := a.cmd.ProcessState.ExitCode(); code != 0 && code != 130 {
		return fmt.Errorf("it ended with %d, %w: %s", code, err, a.said)
	}
	return nil
}

// memory is what it holds of the machine's, in MB.
func (a *authkit) memory() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	return kb / 1024, err
}

// ask sends a request and reads its answer to the end.
func (a *authkit) ask(method, path, contentType, body string) (status int, location, text string, err error) {
	r, err := http.NewRequest(method, a.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	r.Header.Set("Authorization", "Bearer "+a.key)
	if body != "" {
		r.Header.Set("Content-Type", contentType)
	}
	answer, err := a.http.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer answer.Body.Close()
	out, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header.Get("Location"), string(out), err
}

const form, object = "application/x-www-form-urlencoded", "application/json"

var hidden = regexp.MustCompile(`name="authorization" value="([^"]+)"`)

// login signs in by the page and gives the refresh token.
func (a *authkit) login() (refresh string, err error) {
	query := url.Values{
		"response_type": {"code"}, "client_id": {a.client}, "redirect_uri": {callback}, "provider": {"authkit"}, "state": {"s"},
	}
	status, _, page, err := a.ask("GET", "/user_management/authorize?"+query.Encode(), "", "")
	if err != nil {
		return "", err
	}
	id := hidden.FindStringSubmatch(page)
	if id == nil {
		return "", fmt.Errorf("no sign-in page, but %d", status)
	}
	signIn := url.Values{
		"authorization": {id[1]}, "action": {"sign-in"}, "email": {"ada@example.test"}, "password": {"local-password"},
	}
	status, location, _, err := a.ask("POST", "/user_management/authorize", form, signIn.Encode())
	if err != nil {
		return "", err
	}
	at, err := url.Parse(location)
	if err != nil || status != http.StatusFound {
		return "", fmt.Errorf("no code, but %d, %w", status, err)
	}
	return a.tokens(url.Values{"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}})
}

// tokens makes a token request and gives the refresh token.
func (a *authkit) tokens(grant url.Values) (refresh string, err error) {
	grant.Set("client_id", a.client)
	grant.Set("client_secret", a.key)
	status, _, text, err := a.ask("POST", "/user_management/authenticate", form, grant.Encode())
	if err != nil {
		return "", err
	}
	var out struct {
		RefreshToken string `json:"refresh_token"`
	}
	if json.Unmarshal([]byte(text), &out) != nil || status != http.StatusOK {
		return "", fmt.Errorf("no tokens, but %d %s", status, text)
	}
	return out.RefreshToken, nil
}

// A soak is what many clients at once came to.
type soak struct {
	logins, slow, huge int64
	memory             int // MB, at its end
}

// soak has clients sign in for a while, beside some that are slow and some that
// send more than is taken. Whatever is not as it should be is an error.
func (a *authkit) soak(clients int, duration time.Duration) (soak, error) {
	var s soak
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	failed := make(chan error, clients+8)
	var wait sync.WaitGroup
	repeat := func(count *int64, one func() error) {
		wait.Go(func() {
			for ctx.Err() == nil {
				if err := one(); err != nil {
					failed <- err
					return
				}
				atomic.AddInt64(count, 1)
			}
		})
	}
	for range clients {
		repeat(&s.logins, func() error { _, err := a.login(); return err })
	}
	for range 4 {
		repeat(&s.slow, func() error { return a.dawdle(ctx) })
		repeat(&s.huge, a.flood)
	}
	wait.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return s, err
	}
	var err error
	s.memory, err = a.memory()
	return s, err
}

// dawdle sends a request byte by byte, and goes away in the middle.
func (a *authkit) dawdle(ctx context.Context) error {
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, b := range []byte("POST /user_management/authenticate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{\"grant") {
		if _, err := conn.Write([]byte{b}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// flood sends a body without an end, and wants it refused.
func (a *authkit) flood() error {
	endless := io.LimitReader(zeros{}, 1<<30)
	r, err := http.NewRequest("POST", a.url+"/user_management/authenticate", endless)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", object)
	answer, err := a.http.Do(r)
	if err != nil { // it has hung up, which is an answer too
		if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || strings.Contains(err.Error(), "broken connection") {
			return nil
		}
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		return fmt.Errorf("a body without an end got %d", answer.StatusCode)
	}
	return nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A promise is what the emulator has answered to have been done.
type promise struct {
	mu      sync.Mutex
	emails  []string          // of users that were made
	refresh map[string]string // the newest refresh token of each client's session
}

// work makes users, and refreshes a session, until the emulator is gone. What it
// asked and was not answered may have been done or not.
func (a *authkit) work(client string, p *promise, round int) {
	p.mu.Lock()
	token := p.refresh[client]
	p.mu.Unlock()
	for i := 0; ; i++ {
		email := fmt.Sprintf("%s-%d-%d@example.test", client, round, i)
		status, _, _, err := a.ask("POST", "/user_management/users", object, `{"email": "`+email+`"}`)
		if err != nil || status != http.StatusCreated {
			return
		}
		next := ""
		if token == "" {
			next, err = a.login()
		} else {
			next, err = a.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		}
		p.mu.Lock()
		p.emails = append(p.emails, email)
		if err != nil {
			// Asked, and not answered: the session may have the next token by now.
			delete(p.refresh, client)
			p.mu.Unlock()
			return
		}
		token = next
		p.refresh[client] = token
		p.mu.Unlock()
	}
}

// kept wants everything that was promised to be there.
func (a *authkit) kept(p *promise) error {
	for _, email := range p.emails {
		status, _, text, err := a.ask("GET", "/user_management/users?email="+url.QueryEscape(email), "", "")
		if err != nil {
			return err
		}
		if status != http.StatusOK || !strings.Contains(text, `"email":"`+email+`"`) {
			return fmt.Errorf("the user %s was made and is lost: %d %s", email, status, text)
		}
	}
	for client, token := range p.refresh {
		next, err := a.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		if err != nil {
			return fmt.Errorf("the session of client %s is lost: %w", client, err)
		}
		p.refresh[client] = next
	}
	return nil
}

// stateKills kills an emulator with a state file n times under load. It gives
// how many users and sessions were promised, and how often one was looked for.
func stateKills(argv, env []string, file string, n int, chance *rand.Rand, progress func(int)) (promised, looked int, err error) {
	p := &promise{refresh: map[string]string{}}
	for round := range n {
		a, err := startAuthKit(argv, env, "--state", file)
		if err != nil {
			return promised, looked, err
		}
		if err := a.kept(p); err != nil {
			a.kill()
			return promised, looked, fmt.Errorf("after %d kills: %w", round, err)
		}
		looked += len(p.emails) + len(p.refresh)
		p.emails = p.emails[max(0, len(p.emails)-100):] // those before have been looked for
		before := len(p.emails)
		var wait sync.WaitGroup
		for client := range 8 {
			wait.Go(func() { a.work(strconv.Itoa(client), p, round) })
		}
		time.Sleep(time.Duration(50+chance.IntN(200)) * time.Millisecond)
		a.kill()
		wait.Wait()
		promised += len(p.emails) - before
		progress(round + 1)
	}
	return promised, looked, nil
}

// stateFull lets an emulator's disk run full and makes room again. It gives how
// many users were made before, and how many requests were refused.
func stateFull(argv []string, d *disk) (made, refused int, err error) {
	if err := d.leave(60); err != nil {
		return 0, 0, err
	}
	a, err := startAuthKit(argv, nil, "--state", d.dir+"/state.db")
	if err != nil {
		return 0, 0, err
	}
	defer a.kill()
	p := &promise{refresh: map[string]string{}}
	create := func(i int) (int, error) {
		email := fmt.Sprintf("full-%d@example.test", i)
		status, _, _, err := a.ask("POST", "/user_management/users", object, `{"email": "`+email+`", "first_name": "`+strings.Repeat("x", 2000)+`"}`)
		if status == http.StatusCreated {
			p.emails = append(p.emails, email)
		}
		return status, err
	}
	for i := 0; refused < 20; i++ {
		status, err := create(i)
		switch {
		case err != nil:
			return made, refused, err
		case status == http.StatusCreated:
			made++
		case status == http.StatusInsufficientStorage:
			refused++
		default:
			return made, refused, fmt.Errorf("a full disk gave %d", status)
		}
		if i > 5000 {
			return made, refused, errors.New("the disk does not run full")
		}
	}
	if err := a.kept(p); err != nil { // it still answers
		return made, refused, err
	}
	if err := d.room(); err != nil {
		return made, refused, err
	}
	if status, err := create(-1); err != nil || status != http.StatusCreated {
		return made, refused, fmt.Errorf("with room again: %d, %w", status, err)
	}
	a.kill()
	again, err := startAuthKit(argv, nil, "--state", d.dir+"/state.db")
	if err != nil {
		return made, refused, err
	}
	if err := again.kept(p); err != nil {
		again.kill()
		return made, refused, err
	}
	return made, refused, again.stop()
}
