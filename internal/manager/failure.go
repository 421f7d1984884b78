package manager

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/problem"
)

// As makes a *problem.Problem of the error, for errors.As: the command and its
// exit code, what the tool said of the reason, and the way out. A command that we
// interrupted is no problem.
func (e *RunError) As(target any) bool {
	p, ok := target.(**problem.Problem)
	if !ok || errors.Is(e.Err, context.Canceled) {
		return false
	}
	*p = problem.New("install-failed", "%s", e.summary()).WithDetail("%s", e.Tail).
		WithFix("see to what it says, then run authfit again")
	if _, ended := errors.AsType[*exec.ExitError](e.Err); ended && e.Code < 0 {
		*p = (*p).WithFix("something has ended it, perhaps the system since memory ran out (its log says so, see dmesg): run authfit again")
		return true
	}
	oneLine := strings.Join(strings.Fields(e.Tail), " ") // pipenv and PDM break their lines at 80 columns
	for _, r := range reasons {
		if r.sign.MatchString(e.Tail) || r.sign.MatchString(oneLine) {
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
	{regexp.MustCompile(`(?i)No space left on device|disk is full|Disk quota exceeded|File too large`),
		"make room on the disk, then run authfit again"},
	{regexp.MustCompile(`require a different python version`), notForPython},
	{regexp.MustCompile(`(?i)name resolution|dns error|ConnectionError|NewConnectionError|Connection refused|Network is unreachable|error sending request|ReadTimeout|All attempts to connect|(?m)from versions: none|No matching distribution found for [\w.-]+$`),
		"see that the package index can be reached, at the address named here or set up for the package manager, then run authfit again"},
	{regexp.MustCompile(`require-hashes`),
		"give the packages that are named here their hashes: list workos and python-dotenv in the file that the hashed one is made from and make it again (pip-compile or uv pip compile, with --generate-hashes), or add their lines by hand with `pip hash`; install that, then run authfit again"},
	{regexp.MustCompile(`(?i)hash mismatch|did not match any known checksums|do not match the hashes|matches the environment or hashes`),
		"what the package index has is not what the project's lock file has the hashes of: see whether the right index is asked; if it is, make the lock file again, install that, then run authfit again"},
	{regexp.MustCompile(`(?i)supported Python range|The .requires-python. value|does not satisfy Python`),
		"let only Pythons in that the packages run on: raise the lower bound in the manifest (python, or requires-python), then run authfit again"},
	{regexp.MustCompile(`(?i)Failed (?:to build|building)|subprocess-exited-with-error|Failed to build installable wheels|metadata-generation-failed|Unable to build`),
		"a package that the project needs cannot be built for this Python: install the project by itself first, with another version of that package or another Python"},
	{regexp.MustCompile(`(?i)ResolutionImpossible|version solving failed|No solution found|conflicting dependencies|ResolutionFailure|ResolveError|Unable to find a resolution`),
		"loosen the versions that are named here in the project's own manifest, or list an older workos there that goes with them (from 8.2 on), install and test that, then run authfit again"},
	{regexp.MustCompile(`(?i)No matching distribution|was not found in the package registry|not found in the package index|Could not find a matching version`),
		notForPython},
}

const notForPython = "the package named here is not to be had for this Python: choose a version that is, or another Python"

// chatter is what says nothing about a failure: progress, what was there
// already, the hashes of a lock file, the notes of Git's and pip's.
var chatter = regexp.MustCompile(`^\s*(?:Requirement already satisfied|Collecting |Using cached |Downloading |Installing |Looking in |Obtaining |Preparing |Building |Found existing |Uninstalling |Attempting uninstall|--hash=|\S+-reqs\.txt \(line|\S+\.whl \(|[\w.-]+==\S+; python|━|INFO: |Using version |.*PackageWarning: |If you want to install |found = self\.repository|Exception ignored in: |BrokenPipeError: )`)

// telling are the lines that say something about a failure, each once: pip
// names a version in the way for every version of the package that it tried.
func telling(lines []string) []string {
	var out []string
	for _, line := range lines {
		if !chatter.MatchString(line) && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	if out == nil {
		return lines
	}
	return out
}
