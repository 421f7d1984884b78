// Command apps takes public apps through what their owners would do with
// authfit: add a login, walk through it, protect a page, undo all of it. It prints
// the table of docs/apps.md.
//
//	go run ./internal/apps DIR [owner/name ...]
//
// DIR has a folder for each line of apps.txt, called owner+name: the repository
// at the commit of that line, made ready as its own README says, with a virtual
// environment .venv in the app's folder that has its dependencies, and its
// database migrated. Beside it may lie owner+name.env, with a KEY=value a line that
// the app needs in its environment. authfit works in these folders themselves, and
// undo is held to have put every byte, mode and link back.
//
// A line of apps.txt is
//
//	owner/name commit | framework folder flags | layout | page, or "-" | remark
//
// where page is the path of one that everybody sees, to be protected. A remark
// that begins with "miss:" says why an app does not run here; it is not tried. One
// that begins with "changed:" says which versions of what the app uses are others
// than its own.
package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed apps.txt
var list []byte

// An app is a line of apps.txt.
type app struct {
	name, commit, framework, folder string
	flags                           []string
	layout, page, remark            string
}

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "apps:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: apps DIR [owner/name ...], where DIR has the apps of apps.txt")
	}
	apps, err := readList(list)
	if err != nil {
		return err
	}
	corpus, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	var results []result
	for _, a := range apps {
		if len(args) > 1 && !slices.Contains(args[1:], a.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "==", a.name)
		r, err := try(ctx, a, corpus)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		fmt.Fprintln(os.Stderr, strings.Join(append([]string{r.row()}, r.remarks()...), "\n  "))
		results = append(results, r)
	}
	return writePage(out, results)
}

func readList(src []byte) ([]app, error) {
	var apps []app
	for n, text := range strings.Split(string(bytes.TrimSpace(src)), "\n") {
		if text == "" || text[0] == '#' {
			continue
		}
		fields := strings.Split(text, " | ")
		if len(fields) == 4 { // no remark
			fields = append(fields, "")
		}
		name, commit, ok := strings.Cut(fields[0], " ")
		if !ok || len(fields) != 5 {
			return nil, fmt.Errorf("apps.txt:%d: not \"owner/name commit | framework folder flags | layout | page | remark\"", n+1)
		}
		where := strings.Fields(fields[1])
		if len(where) < 2 {
			return nil, fmt.Errorf("apps.txt:%d: no framework and folder", n+1)
		}
		apps = append(apps, app{
			name: name, commit: commit, framework: where[0], folder: where[1], flags: where[2:],
			layout: fields[2], page: fields[3], remark: fields[4],
		})
	}
	return apps, nil
}

// writePage writes docs/apps.md.
func writePage(out io.Writer, results []result) error {
	tried, changed, whole := 0, 0, map[string]int{}
	for _, r := range results {
		if r.miss == "" {
			tried++
		}
		if r.whole() {
			whole[r.framework]++
			if strings.HasPrefix(r.remark, "changed: ") {
				changed++
			}
		}
	}
	var page strings.Builder
	fmt.Fprintf(&page, "# Public apps\n\n%s\n\n", strings.Join([]string{
		"What authfit does to public apps that boot on a machine without a database server: `add --yes` with the real install, `add`",
		"again, `verify --login`, `protect --list`, `protect` on a page that was open, and `undo` until nothing is left. Made by",
		"`make apps CORPUS=DIR`; `internal/apps` says what is in DIR. \"login\" is the walk through a login, twice; \"protect\" means",
		"that the page then leads to that login; \"undo\" that every byte, mode and link is as before, and the environment has the same packages.",
		"Many of these apps were looked at while authfit was made, and some of what kept it from working on them was mended then,",
		"so that the share of those that work says less about an app that nobody here has seen.",
	}, "\n"))
	var counts []string
	total := 0
	for _, framework := range []string{"django", "flask", "fastapi"} {
		counts = append(counts, fmt.Sprintf("%d %s", whole[framework], framework))
		total += whole[framework]
	}
	fmt.Fprintf(&page, "%d apps, %d of them tried; all of it holds for %d: %s. %d of these had to have other versions of what they\nuse first; the remarks say which.\n\n",
		len(results), tried, total, strings.Join(counts, ", "), changed)
	page.WriteString("| app | commit | layout | Python | add | boot | login | protect | undo | routes | add takes |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		if r.miss == "" {
			fmt.Fprintln(&page, r.row())
		}
	}
	page.WriteString("\n## Misses and remarks\n\n")
	for _, r := range results {
		for _, remark := range r.remarks() {
			fmt.Fprintf(&page, "- %s: %s\n", r.name, remark)
		}
	}
	_, err := io.WriteString(out, page.String())
	return err
}

// row is an app's line of the table.
func (r result) row() string {
	where := r.name
	if r.folder != "." {
		where += " " + r.folder
	}
	return fmt.Sprintf("| %s | %.7s | %s, %s | %s | %s | %s | %s | %s | %s | %s | %s |", where, r.commit, r.framework, r.layout,
		r.python, r.add, r.boot, r.login, r.protect, r.undo, cmp.Or(r.routes, "-"), cmp.Or(r.took, "-"))
}
