package manager

import (
	"bytes"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/project"
)

// ProjectLines returns the edits that add the packages behind the last of
// pyproject.toml's [project] dependencies (PEP 621), in the list's own style. It
// says no where there is no such list, or an empty one.
func ProjectLines(src []byte, pkgs []Requirement) ([]edit.Edit, bool) {
	all := project.DependencyRanges(src)
	if len(all) == 0 {
		return nil, false
	}
	last := all[len(all)-1]
	quote := string(src[last.Start])
	var texts []string
	var listed strings.Builder
	for _, r := range all {
		listed.WriteString(strings.Trim(string(src[r.Start:r.End]), `"'`) + "\n")
	}
	op := ""
	if f, err := project.ParseRequirements([]byte(listed.String())); err == nil {
		op = style(f)
	}
	for _, r := range pkgs {
		texts = append(texts, quote+specifier(r, op)+quote)
	}

	lineStart := bytes.LastIndexByte(src[:last.Start], '\n') + 1
	indent := src[lineStart:last.Start]
	if len(bytes.TrimSpace(indent)) > 0 { // the list is in one line
		return []edit.Edit{{Start: last.End, End: last.End, New: ", " + strings.Join(texts, ", ")}}, true
	}
	between := "," + edit.Newline(src) + string(indent)
	rest := src[last.End:]
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	after, comma := bytes.CutPrefix(bytes.TrimLeft(line, " \t"), []byte(","))
	if !bytes.HasPrefix(bytes.TrimSpace(after), []byte("#")) {
		// A comma that follows, or the lack of one, stays behind what is new.
		return []edit.Edit{{Start: last.End, End: last.End, New: between + strings.Join(texts, between)}}, true
	}
	// The comment is about the last package, and stays with it.
	end := last.End + len(line)
	text := edit.Newline(src) + string(indent) + strings.Join(texts, between)
	if comma {
		return []edit.Edit{{Start: end, End: end, New: text + ","}}, true
	}
	return []edit.Edit{{Start: last.End, End: last.End, New: ","}, {Start: end, End: end, New: text}}, true
}

// MovedInProject returns the edit that gives a package of the [project]
// dependencies another version, in its own style. It says no where the package
// is not in such a list.
func MovedInProject(src []byte, r Requirement) ([]edit.Edit, bool) {
	for _, at := range project.DependencyRanges(src) {
		text := string(src[at.Start+1 : at.End-1])
		found, err := project.ParseRequirement(text)
		if err != nil || project.NormalizeName(found.Name) != project.NormalizeName(r.Name) || found.URL != "" {
			continue
		}
		start, end := specifierRange(text)
		return []edit.Edit{{Start: at.Start + 1 + start, End: at.Start + 1 + end, New: moved(r, found.Specifier)}}, true
	}
	return nil, false
}
