package sdk

import (
	"fmt"
	"slices"
	"strings"

	"authfit/internal/problem"
)

// A Need is a function or class of the package that code calls, and the
// keyword arguments that it calls it with.
type Need struct {
	Path string // as Signature takes it
	// Params are the names of the arguments. Nil means that the name is used
	// without being called, as in an except clause; empty, called with none.
	Params []string
}

// ParseNeed reads the form that a plan holds:
// "UserManagement.get_logout_url(session_id, return_to)", or a name alone.
func ParseNeed(text string) (Need, error) {
	name, rest, called := strings.Cut(strings.TrimSpace(text), "(")
	n := Need{Path: strings.TrimSpace(name)}
	if n.Path == "" {
		return Need{}, fmt.Errorf("no name in %q", text)
	}
	if !called {
		return n, nil
	}
	args, after, closed := strings.Cut(rest, ")")
	if !closed || strings.TrimSpace(after) != "" {
		return Need{}, fmt.Errorf("no closing parenthesis at the end of %q", text)
	}
	n.Params = []string{}
	for arg := range strings.SplitSeq(args, ",") {
		if arg = strings.TrimSpace(arg); arg != "" {
			n.Params = append(n.Params, arg)
		}
	}
	return n, nil
}

// ParseNeeds reads a plan's list.
func ParseNeeds(texts []string) ([]Need, error) {
	needs := make([]Need, 0, len(texts))
	for _, text := range texts {
		n, err := ParseNeed(text)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	return needs, nil
}

// String is the form that ParseNeed reads.
func (n Need) String() string {
	if n.Params == nil {
		return n.Path
	}
	return n.Path + "(" + strings.Join(n.Params, ", ") + ")"
}

// Missing says what of the needs this SDK cannot serve: a function that it
// lacks ("sdk-lacks-function"), a parameter that a function lacks
// ("sdk-lacks-parameter"), or one that it demands and is not given
// ("sdk-demands-parameter"). Nil when everything is there.
func (s *SDK) Missing(needs []Need) []*problem.Problem {
	var problems []*problem.Problem
	for _, need := range needs {
		sig, ok := s.Signature(need.Path)
		if !ok {
			problems = append(problems, problem.New("sdk-lacks-function", "workos %s has no %s, which the generated code needs", s.Version, need.Path).
				WithFix("%s", upgrade))
			continue
		}
		if need.Params == nil {
			continue
		}
		at := fmt.Sprintf("%s:%d: %s", sig.File, sig.Line, sig)
		for _, name := range need.Params {
			if !sig.Takes(name) {
				problems = append(problems, problem.New("sdk-lacks-parameter", "%s of workos %s takes no %s, which the generated code gives", need.Path, s.Version, name).
					WithDetail("%s", at).WithFix("%s", upgrade))
			}
		}
		for _, p := range sig.Params {
			if p.Required && !slices.Contains(need.Params, p.Name) {
				problems = append(problems, problem.New("sdk-demands-parameter", "%s of workos %s demands %s, which the generated code does not give", need.Path, s.Version, p.Name).
					WithDetail("%s", at).WithFix("install a version of workos that this authfit knows, or a newer authfit"))
			}
		}
	}
	return problems
}
