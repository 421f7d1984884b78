package sdk

import (
	"slices"
	"strconv"
	"strings"

	"authfit/internal/problem"
)

// The releases between which a login's needs change, as read in the wheels: a
// test looks at each once more.
var (
	firstSDK5     = [3]int{5, 13, 0} // get_logout_url takes return_to
	firstSDK6     = [3]int{6, 0, 0}  // Python 3.10, dataclasses, other names
	firstVerifier = [3]int{6, 0, 5}  // authenticate_with_code takes code_verifier, again
	firstRefresh  = [3]int{8, 2, 0}  // Session.refresh asks for no sealed_session, which the server does not send
)

// Dialect is the one of a release: "5" for 5.x, "6" for 6 and later, and empty
// for older ones, which authfit does not write code for.
func Dialect(release string) string {
	switch v := version(release); {
	case v[0] < 5:
		return ""
	case before(v, firstSDK6):
		return "5"
	}
	return "6"
}

// Defects are what keeps a login from working with a release, by its number
// alone. called is what the problems call it: the release, or what a manifest
// has instead of one.
func Defects(release, called string) []*problem.Problem {
	problems := []*problem.Problem{}
	add := func(code, detail, format string) {
		problems = append(problems, problem.New(code, format, called).WithDetail("%s", detail).WithFix("%s", upgrade))
	}
	switch v := version(release); {
	case before(v, firstSDK5):
		add("sdk-too-old", "a sign-out that leads back to the app came with 5.13",
			"workos %s is older than 5.13, the oldest that authfit writes code for")
	case before(v, firstSDK6):
	case before(v, firstRefresh):
		add("sdk-broken-refresh", "6.0 to 8.1 have this defect; it was mended in 8.2.0",
			"Session.refresh of workos %s raises KeyError, so everyone is signed out when the access token expires")
		if before(v, firstVerifier) {
			add("sdk-no-verifier", "6.0.0 to 6.0.4 have this defect; it was mended in 6.0.5",
				"authenticate_with_code of workos %s takes no code_verifier, so a login cannot use PKCE")
		}
	}
	return problems
}

// upgrade is the way out of everything an old SDK lacks. Which command it is
// depends on the package manager, which the caller knows.
const upgrade = `install workos 8.2 or newer with the project's package manager, for instance: uv add "workos>=8.2", pip install "workos>=8.2"`

func before(v, other [3]int) bool { return slices.Compare(v[:], other[:]) < 0 }

// version is a release's first three numbers (PEP 440), zero where it has fewer.
func version(text string) [3]int {
	var v [3]int
	for i, part := range strings.SplitN(text, ".", 4) {
		if i == len(v) {
			break
		}
		end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if end >= 0 {
			part = part[:end]
		}
		v[i], _ = strconv.Atoi(part)
	}
	return v
}
