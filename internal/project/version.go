package project

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// reRelease is the release segment of a version of PEP 440 and what follows.
var reRelease = regexp.MustCompile(`^v?(?:[0-9]+!)?([0-9]+(?:\.[0-9]+)*)(.*)$`)

// reOpSpace is the space between an operator and its version.
var reOpSpace = regexp.MustCompile(`([<>=!~^])\s+`)

// release returns the numbers of a version, and whether it is a final one.
func release(v string) (numbers []int, final bool) {
	m := reRelease.FindStringSubmatch(strings.TrimSpace(v))
	if m == nil {
		return nil, false
	}
	for part := range strings.SplitSeq(m[1], ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, m[2] == "" || strings.HasPrefix(m[2], "+") || strings.HasPrefix(m[2], ".post")
}

// CompareVersions orders two versions by their release numbers (PEP 440);
// missing ones are zeros. Pre- and post-releases count as their release.
func CompareVersions(a, b string) int {
	x, _ := release(a)
	y, _ := release(b)
	for i := range max(len(x), len(y)) {
		if c := cmp.Compare(at(x, i), at(y, i)); c != 0 {
			return c
		}
	}
	return 0
}

func at(n []int, i int) int {
	if i < len(n) {
		return n[i]
	}
	return 0
}

// Allows says whether a dependency lets a release in, in PEP 440's language or
// in Poetry's: "5.46.0", "^5.46", "^5 || ^10".
func (d *Dependency) Allows(version string) bool {
	for one := range strings.SplitSeq(strings.ReplaceAll(d.Specifier, "||", "|"), "|") {
		if allows(poetrySpecifier(one), version) {
			return true
		}
	}
	return false
}

// allows says whether a specifier set of PEP 440 lets the version of an
// interpreter in. A clause that cannot be read lets everything in, so that
// nobody is refused for it. A version without a patch number stands for its
// highest one: "3.11" satisfies ">=3.11.4".
func allows(specifier, version string) bool {
	v, _ := release(version)
	if len(v) == 2 {
		v = append(v, 99)
	}
	for clause := range strings.SplitSeq(specifier, ",") {
		m := reClause.FindStringSubmatch(strings.TrimSpace(clause))
		if m != nil && !clauseAllows(m[1], m[2], v) {
			return false
		}
	}
	return true
}

func clauseAllows(op, want string, v []int) bool {
	want, prefix := strings.CutSuffix(want, ".*")
	w, _ := release(want)
	if w == nil {
		return true
	}
	c := 0
	for i := range max(len(v), len(w)) {
		if prefix && i == len(w) {
			break
		}
		if c = cmp.Compare(at(v, i), at(w, i)); c != 0 {
			break
		}
	}
	switch op {
	case "==", "===":
		return c == 0 || len(v) == 3 && v[2] == 99 && len(w) > 2 && v[0] == w[0] && v[1] == w[1]
	case "!=":
		return c != 0
	case ">=":
		return c >= 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case "<":
		return c < 0
	case "~=": // at least this, and equal in all numbers but the last
		for i := range len(w) - 1 {
			if at(v, i) != w[i] {
				return false
			}
		}
		return c >= 0
	}
	return true
}

// poetrySpecifier turns Poetry's own constraints into those of PEP 440:
// "^3.10" is ">=3.10,<4.0", "~3.10" is ">=3.10,<3.11", "3.10.*" and "3.10" are
// "==". Alternatives ("||") give the lowest one open above: what matters is the
// oldest Python that is let in.
func poetrySpecifier(s string) string {
	if first, _, ok := strings.Cut(s, "||"); ok {
		s = strings.TrimSpace(first)
	} else if first, _, ok := strings.Cut(s, "|"); ok {
		s = strings.TrimSpace(first)
	}
	var out []string
	s = reOpSpace.ReplaceAllString(s, "$1")
	for _, c := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		switch {
		case c == "*":
		case strings.HasPrefix(c, "^"):
			v := c[1:]
			n, _ := release(v)
			// The first number that is not zero may not change.
			i := 0
			for i < len(n)-1 && n[i] == 0 {
				i++
			}
			out = append(out, ">="+v, "<"+next(n, i))
		case strings.HasPrefix(c, "~") && !strings.HasPrefix(c, "~="):
			v := c[1:]
			n, _ := release(v)
			out = append(out, ">="+v, "<"+next(n, min(1, len(n)-1)))
		case c[0] >= '0' && c[0] <= '9':
			out = append(out, "=="+c)
		default:
			out = append(out, c)
		}
	}
	return strings.Join(out, ",")
}

// next is the version whose i-th number is one higher and the last.
func next(n []int, i int) string {
	if i < 0 || i >= len(n) {
		return "9999"
	}
	var parts []string
	for _, x := range n[:i] {
		parts = append(parts, strconv.Itoa(x))
	}
	return strings.Join(append(parts, strconv.Itoa(n[i]+1)), ".")
}

// minor is "3.11" of "3.11.7"; what has no second number is returned as it is.
func minor(version string) string {
	n, _ := release(version)
	if len(n) < 2 {
		return version
	}
	return strconv.Itoa(n[0]) + "." + strconv.Itoa(n[1])
}
