package manager

import (
	"regexp"
	"slices"
	"strings"

	"authfit/internal/problem"
)

// As makes a *problem.Problem of the error, for errors.As: the command and its
// exit code, what the tool said of the reason, and the way out where it is one
// of the usual reasons. A command that was interrupted is no problem.
func (e *RunError) As(target any) bool {
	p, ok := target.(**problem.Problem)
	if !ok || e.Code < 0 {
		return false
	}
	*p = problem.New("install-failed", "%s", e.summary()).WithDetail("%s", telling(e.Tail))
	for _, r := range reasons {
		if r.sign.MatchString(e.Tail) {
			*p = (*p).WithFix("%s", r.fix)
			break
		}
	}
	return true
}

// reasons are the usual ones, by what pip, uv, Poetry, pipenv and PDM write,
// the most certain first.
var reasons = []struct {
	sign *regexp.Regexp
	fix  string
}{
	{regexp.MustCompile(`(?i)name resolution|dns error|ConnectionError|NewConnectionError|Connection refused|Network is unreachable|error sending request|ReadTimeout|All attempts to connect`),
		"see that the address named here can be reached, then run authfit again"},
	{regexp.MustCompile(`(?i)No space left on device|Disk quota exceeded`),
		"make room on the disk, then run authfit again"},
	{regexp.MustCompile(`(?i)supported Python range|The .requires-python. value|does not satisfy Python`),
		"let only Pythons in that the packages run on: raise the lower bound in the manifest (python, or requires-python), then run authfit again"},
	{regexp.MustCompile(`(?i)Failed (?:to build|building)|subprocess-exited-with-error|Failed to build installable wheels|metadata-generation-failed|Unable to build`),
		"a package that the project needs cannot be built for this Python: install the project by itself first, with another version of that package or another Python"},
	{regexp.MustCompile(`(?i)ResolutionImpossible|version solving failed|No solution found|conflicting dependencies|ResolutionFailure|ResolveError|Unable to find a resolution`),
		"loosen the versions that are named here in the project's own manifest, or list an older workos there that goes with them (from 8.2 on), install and test that, then run authfit again"},
	{regexp.MustCompile(`(?i)No matching distribution|was not found in the package registry|not found in the package index|Could not find a matching version`),
		"the package named here is not to be had for this Python: choose a version that is, or another Python"},
}

// chatter is what says nothing about a failure: progress, what was there
// already, the hashes of a lock file, the notes of Git's and pip's.
var chatter = regexp.MustCompile(`^\s*(?:Requirement already satisfied|Collecting |Using cached |Downloading |Installing |Looking in |Obtaining |Preparing |Building |Found existing |Uninstalling |Attempting uninstall|--hash=|━|INFO: |Using version )`)

// telling are the lines that say something about a failure, each once: pip
// names a version in the way for every version of the package that it tried.
func telling(tail string) string {
	var out []string
	for line := range strings.Lines(tail) {
		line = strings.TrimRight(line, "\n")
		if !chatter.MatchString(line) && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	if out == nil {
		return tail
	}
	return strings.Join(out, "\n")
}
