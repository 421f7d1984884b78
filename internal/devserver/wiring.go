package devserver

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/mask"
)

// Settings are the variables that an app has: those of the process, and those of
// its environment file, over which they win, as with python-dotenv.
type Settings struct{ environ, file map[string]string }

// NewSettings reads the environment, as KEY=value, and the environment file.
func NewSettings(environ []string, envFile []byte) Settings {
	s := Settings{map[string]string{}, map[string]string{}}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			s.environ[name] = value
		}
	}
	env := edit.ParseEnv(envFile)
	for _, key := range env.Keys() {
		s.file[key], _, _ = env.Get(key)
	}
	return s
}

// Get is the value that the app sees; empty where there is none.
func (s Settings) Get(name string) string {
	if value, ok := s.environ[name]; ok {
		return value
	}
	return s.file[name]
}

// has says whether the app has the variable, be it empty.
func (s Settings) has(name string) bool {
	_, inEnviron := s.environ[name]
	_, inFile := s.file[name]
	return inEnviron || inFile
}

// Mask hides the secrets among the variables in a line.
func (s Settings) Mask() func(string) string {
	ours := maps.Clone(s.environ)
	maps.DeleteFunc(ours, func(name, _ string) bool { return !strings.HasPrefix(name, "WORKOS_") })
	return mask.Only(nil, ours, s.file)
}

// usualAuthKit is where `authfit emulate` and `authfit add` have the AuthKit.
const usualAuthKit = 4100

// AuthKit is where the app's variables have an AuthKit on this machine: the host,
// and the port.
func (s Settings) AuthKit() (host string, port int) {
	if u, err := url.Parse(s.Get("WORKOS_BASE_URL")); err == nil && local(u) {
		return u.Hostname(), portOf(u)
	}
	return "127.0.0.1", usualAuthKit
}

// Callback is where AuthKit sends people back to: an address at which a server on
// this machine is reached without TLS. It is what the variables have, as far as
// that is one, or else what otherwise is.
func (s Settings) Callback(otherwise string) *url.URL {
	u, err := url.Parse(cmp.Or(s.Get("WORKOS_REDIRECT_URI"), otherwise))
	usual, _ := url.Parse(otherwise) // which the caller has made
	if err != nil || u.Path == "" {
		return usual
	}
	if !local(u) {
		u.Scheme, u.Host = usual.Scheme, usual.Host
	}
	return u
}

// local says whether an address is one of this machine's, without TLS.
func local(u *url.URL) bool {
	return u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1")
}

// portOf is the port of an http address.
func portOf(u *url.URL) int {
	port, err := strconv.Atoi(cmp.Or(u.Port(), "80"))
	if err != nil {
		return 80
	}
	return port
}

// At is an address with another port.
func At(u *url.URL, port int) *url.URL {
	v := *u
	v.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
	return &v
}

// A Wiring is what the app is told of its AuthKit.
type Wiring struct {
	APIKey, ClientID string
	AuthKit          string // its base URL
	RedirectURI      string
	Env              []string // KEY=value, for the app where it has no such variable
	Paths            []string // folders that Python looks for modules in first
}

// Tell is what is set for the app, whatever else it has: names and values.
// WORKOS_COOKIE_PASSWORD is made up where it has none.
func (w Wiring) Tell(s Settings) (map[string]string, error) {
	set := map[string]string{
		"WORKOS_API_KEY":      w.APIKey,
		"WORKOS_CLIENT_ID":    w.ClientID,
		"WORKOS_BASE_URL":     w.AuthKit,
		"WORKOS_REDIRECT_URI": w.RedirectURI,
		"PYTHONUNBUFFERED":    "1",
	}
	if s.Get("WORKOS_ISSUER") != "" { // that of the real one
		set["WORKOS_ISSUER"] = w.AuthKit + "/user_management/" + w.ClientID
	}
	if s.Get("WORKOS_COOKIE_PASSWORD") == "" {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return nil, err
		}
		set["WORKOS_COOKIE_PASSWORD"] = base64.URLEncoding.EncodeToString(key) // a Fernet key
	}
	for _, kv := range w.Env {
		if name, value, ok := strings.Cut(kv, "="); ok && !s.has(name) {
			set[name] = value
		}
	}
	if paths := slices.Concat(w.Paths, filepath.SplitList(s.environ["PYTHONPATH"])); len(w.Paths) > 0 {
		set["PYTHONPATH"] = strings.Join(paths, string(filepath.ListSeparator))
	}
	// The AuthKit is on this machine, whatever proxy the user has.
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		set[name] = strings.Trim(s.environ[name]+",localhost,127.0.0.1", ",")
	}
	return set, nil
}

// Environ is the environment of the app, with what is set for it.
func (s Settings) Environ(set map[string]string) []string {
	env := maps.Clone(s.environ)
	maps.Copy(env, set)
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// Overruled is the first of the variables that are set for the app which its
// environment file has with another value.
func (s Settings) Overruled(set map[string]string) (name string, found bool) {
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if value, ok := s.file[name]; ok && value != set[name] {
			return name, true
		}
	}
	return "", false
}

// Fill puts the interpreter and the port in their places in a command line.
func Fill(argv []string, python string, port int) []string {
	fill := strings.NewReplacer("{python}", python, "{port}", strconv.Itoa(port))
	out := make([]string, len(argv))
	for i, arg := range argv {
		out[i] = fill.Replace(arg)
	}
	return out
}

// Origin is the scheme and host of an address.
func Origin(u *url.URL) string { return fmt.Sprintf("%s://%s", u.Scheme, u.Host) }
