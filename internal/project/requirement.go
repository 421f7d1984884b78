package project

import (
	"fmt"
	"regexp"
	"strings"
)

// A Requirement is a dependency specifier of PEP 508.
type Requirement struct {
	Name      string   // as written
	Extras    []string // as written
	Specifier string   // PEP 440, without parentheses and spaces: ">=2,<3"; empty for any
	URL       string   // behind "@"
	Marker    string   // behind ";"
}

var (
	// PEP 508's identifier, which for pip may end in an underscore.
	reName = regexp.MustCompile(`(?i)^[a-z0-9](?:[a-z0-9._-]*[a-z0-9_])?`)
	// PEP 440's operators with a version behind; the version is loose here, as
	// pip's own is when it tells what is wrong. Behind "===" may stand anything.
	reClause    = regexp.MustCompile(`^(===|~=|==|!=|<=|>=|<|>)[\s\v\x1c-\x1f\x{85}\p{Z}]*([A-Za-z0-9._*+!-]+)$`)
	reArbitrary = regexp.MustCompile(`^===\s*([^\s;)]*)$`)
	reUserInfo  = regexp.MustCompile(`://[^/\s"]*@`)
	reSep       = regexp.MustCompile(`[-_.]+`)
)

// NormalizeName is the name by which an index knows a project (PEP 503):
// "Flask_SQLAlchemy" is "flask-sqlalchemy".
func NormalizeName(name string) string {
	return strings.ToLower(reSep.ReplaceAllString(name, "-"))
}

// ParseRequirement reads a dependency specifier by the grammar of PEP 508. Its
// URL and marker are not looked into.
func ParseRequirement(s string) (Requirement, error) {
	rest := strings.TrimSpace(s)
	bad := func(what string) (Requirement, error) {
		// An address may hold a token.
		return Requirement{}, fmt.Errorf("%s", reUserInfo.ReplaceAllString(fmt.Sprintf("%q is not a requirement: %s", s, what), "://***@"))
	}
	var r Requirement
	r.Name = reName.FindString(rest)
	if r.Name == "" {
		return bad("it does not begin with a name")
	}
	rest = strings.TrimLeft(rest[len(r.Name):], " \t")
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		extras, after, ok := strings.Cut(inner, "]")
		if !ok {
			return bad("the bracket is not closed")
		}
		for e := range strings.SplitSeq(extras, ",") {
			if e = strings.TrimSpace(e); e == "" && strings.TrimSpace(extras) == "" {
				continue
			} else if e == "" || reName.FindString(e) != e {
				return bad("an extra is not a name")
			}
			r.Extras = append(r.Extras, strings.TrimSpace(e))
		}
		rest = strings.TrimLeft(after, " \t")
	}
	if after, ok := strings.CutPrefix(rest, "@"); ok {
		// A URL may hold semicolons: a marker has to have a space before it.
		url, marker, _ := strings.Cut(strings.TrimSpace(after)+" ", " ;")
		r.URL, r.Marker = strings.TrimSpace(url), strings.TrimSpace(marker)
		if r.URL == "" {
			return bad("there is no address behind @")
		}
		return r, nil
	}
	spec, marker, hasMarker := strings.Cut(rest, ";")
	r.Marker = strings.TrimSpace(marker)
	if hasMarker && r.Marker == "" {
		return bad("there is no marker behind the semicolon")
	}
	spec = strings.TrimSpace(spec)
	if inner, ok := strings.CutPrefix(spec, "("); ok {
		if spec, ok = strings.CutSuffix(inner, ")"); !ok {
			return bad("the parenthesis is not closed")
		}
	}
	var clauses []string
	for c := range strings.SplitSeq(spec, ",") {
		c = strings.TrimSpace(c)
		if c == "" { // packaging lets a trailing comma pass
			continue
		}
		m := reClause.FindStringSubmatch(c)
		if any := reArbitrary.FindStringSubmatch(c); any != nil {
			m = []string{c, "===", any[1]}
		}
		if m == nil {
			return bad(fmt.Sprintf("%q is not a version specifier", c))
		}
		clauses = append(clauses, m[1]+m[2])
	}
	r.Specifier = strings.Join(clauses, ",")
	return r, nil
}
