// Command survey holds what inspect says of public apps against what is true of
// them, and prints the table of docs/survey.md.
//
//	go run ./internal/survey DIR
//
// DIR has a folder for each line of truth.txt, called owner+name, with the
// repository checked out at the commit of that line. What is true was read in
// the repositories by a person; the file says it in inspect's words:
//
//	owner/name commit | app | manager manifest
//
// where app is "framework file object" ("django manage.py settings-file
// urls-file"), several of them separated by "; ", or "none".
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe"
)

//go:embed truth.txt
var truth []byte

// A line is one repository: what is true of it, and what inspect says.
type line struct{ name, commit, app, manager, saysApp, saysManager string }

func (l line) right() bool { return l.app == l.saysApp && l.manager == l.saysManager }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "survey:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: survey DIR, which has the repositories of truth.txt")
	}
	lines, err := readTruth()
	if err != nil {
		return err
	}
	for i, l := range lines {
		dir := filepath.Join(os.Args[1], strings.Replace(l.name, "/", "+", 1))
		if lines[i].saysApp, lines[i].saysManager, err = inspect(dir); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	out := bufio.NewWriter(os.Stdout)
	print(out, lines)
	return out.Flush()
}

func readTruth() ([]line, error) {
	var lines []line
	for n, text := range strings.Split(string(bytes.TrimSpace(truth)), "\n") {
		if text == "" || text[0] == '#' {
			continue
		}
		fields := strings.Split(text, " | ")
		name, commit, ok := strings.Cut(fields[0], " ")
		if !ok || len(fields) != 3 {
			return nil, fmt.Errorf("truth.txt:%d: not \"owner/name commit | app | manager manifest\"", n+1)
		}
		lines = append(lines, line{name: name, commit: commit, app: fields[1], manager: fields[2]})
	}
	return lines, nil
}

// inspect is what inspect says of a folder, in the words of truth.txt.
func inspect(dir string) (app, manager string, err error) {
	p, err := recipe.Inspect(context.Background(), dir, recipe.Options{})
	if err != nil {
		return "", "", err
	}
	defer func() { _ = p.Tree.Close() }()
	manager = strings.TrimSpace(cmp.Or(p.Manager.Name, "undecided") + " " + manifest(p))
	var apps []string
	for i, a := range p.Apps {
		if p.Chosen == nil && !slices.ContainsFunc(p.Problems, severalApps) || p.Chosen != nil && *p.Chosen != i {
			continue
		}
		words := []string{a.Framework, a.Entry.File, a.Entry.Object}
		if a.Framework == "django" {
			words = []string{a.Framework, a.Entry.File, a.Settings, a.URLs}
		}
		if a.Framework == "vanilla" {
			words = words[:1]
		}
		apps = append(apps, strings.TrimSpace(strings.Join(words, " ")))
	}
	slices.Sort(apps)
	if apps == nil {
		return "none", manager, nil
	}
	return strings.Join(apps, "; "), manager, nil
}

func manifest(p *project.Project) string {
	if p.Manager.Manifest == "" {
		return ""
	}
	return path.Join(p.Manager.Dir, p.Manager.Manifest)
}

// print writes the page: the figures, the misses, the table.
func print(out *bufio.Writer, lines []line) {
	var right, apps, managers int
	for _, l := range lines {
		right += count(l.right())
		apps += count(l.app == l.saysApp)
		managers += count(l.manager == l.saysManager)
	}
	fmt.Fprintf(out, "# Survey\n\n%s\n\n", strings.Join([]string{
		"What `authfit inspect` says at the root of public repositories, held against what is true of them. What is true was read by",
		"a person. Most of these repositories were looked at while inspect was made, so that the share of those that are right says",
		"less about an app that nobody here has seen. Made by `make survey CORPUS=DIR`; `internal/survey` says what is in DIR.",
	}, "\n"))
	fmt.Fprintf(out, "%d repositories: the app is right in %d, the package manager in %d, both in %d.\n\n", len(lines), apps, managers, right)
	fmt.Fprint(out, "## Misses\n\n")
	for _, l := range lines {
		if !l.right() {
			fmt.Fprintf(out, "- %s: it is %s, kept with %s; inspect says %s, kept with %s\n", l.name, l.app, l.manager, l.saysApp, l.saysManager)
		}
	}
	fmt.Fprint(out, "\n## All\n\n| repository | commit | app | manager | inspect |\n|---|---|---|---|---|\n")
	for _, l := range lines {
		says := "the same"
		if !l.right() {
			says = "see above"
		}
		fmt.Fprintf(out, "| %s | %.7s | %s | %s | %s |\n", l.name, l.commit, shorten(l.app), l.manager, says)
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// shorten leaves two of many apps.
func shorten(app string) string {
	all := strings.Split(app, "; ")
	if len(all) <= 3 {
		return strings.Join(all, "<br>")
	}
	return fmt.Sprintf("%s<br>%s<br>and %d more", all[0], all[1], len(all)-2)
}

func severalApps(q problem.Problem) bool { return q.Code == "several-apps" }
