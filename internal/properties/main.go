// Command properties holds `authfit add --no-install --no-verify --yes` and `undo`
// to what must be true of them in any project: over the example apps, over every
// txtar layout of this repository, and over public apps, each of them also with
// its files rewritten, for instance with CRLF, tabs or a line of 1 MB. It prints
// tables for docs/RELIABILITY.md.
//
//	go run ./internal/properties DIR [NAME ...]
//
// DIR has a folder for each line of apps.txt, called owner+name: the repository
// checked out at the commit of that line. authfit works on copies. With names,
// only the subjects, kinds of subjects and variants that are called so are tried.
//
// A line of apps.txt is
//
//	owner/name commit folder flags
//
// The properties are in hold.go, the variants in variants.go.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"authfit/internal/example"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "properties:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: properties DIR [NAME ...], where DIR has the apps of apps.txt")
	}
	corpus, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	subjects, err := everything(example.Root(), corpus)
	if err != nil {
		return err
	}
	var tasks []task
	for _, s := range subjects {
		for _, v := range variants {
			named := func(name string) bool { return name == s.name || name == s.kind || name == v.name }
			if len(args) == 1 || slices.ContainsFunc(args[1:], named) {
				tasks = append(tasks, task{s, v})
			}
		}
	}
	var results []result
	err = each(ctx, tasks, 2, func(r result) {
		if results = append(results, r); len(results)%100 == 0 {
			fmt.Fprintf(os.Stderr, "%d of %d\n", len(results), len(tasks))
		}
		for _, broken := range r.broken {
			fmt.Fprintf(os.Stderr, "%s, %s: %s\n", r.subject.name, r.variant.name, broken)
		}
	})
	if err != nil {
		return err
	}
	if err := writePage(out, results); err != nil {
		return err
	}
	if n := slices.IndexFunc(results, func(r result) bool { return len(r.broken) > 0 }); n >= 0 {
		return fmt.Errorf("a property does not hold")
	}
	return nil
}

// A task is one subject under one variant.
type task struct {
	subject *subject
	variant variant
}

// each holds the tasks to the properties, some at a time, and hands over each
// result. An error is for what is wrong with the subjects, or with this program.
func each(ctx context.Context, tasks []task, workers int, done func(result)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan task)
	var lock sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			python, err := startPython(ctx)
			if err != nil {
				cancel(err)
				return
			}
			defer python.stop()
			for t := range queue {
				r, err := hold(t, python)
				if err != nil {
					cancel(fmt.Errorf("%s, %s: %w", t.subject.name, t.variant.name, err))
					return
				}
				lock.Lock()
				done(r)
				lock.Unlock()
			}
		})
	}
	for _, t := range tasks {
		select {
		case queue <- t:
		case <-ctx.Done():
		}
	}
	close(queue)
	group.Wait()
	return context.Cause(ctx)
}

// writePage writes the tables.
func writePage(out io.Writer, results []result) error {
	var page strings.Builder
	page.WriteString("| subjects | number | runs | added | refused | properties broken |\n|---|---|---|---|---|---|\n")
	for _, kind := range kinds {
		names := map[string]bool{}
		var c counts
		for _, r := range results {
			if r.subject.kind == kind {
				names[r.subject.name] = true
				c.add(r)
			}
		}
		fmt.Fprintf(&page, "| %s | %d | %s |\n", kind, len(names), c.row())
	}
	var all counts
	for _, r := range results {
		all.add(r)
	}
	fmt.Fprintf(&page, "| all | | %s |\n", all.row())

	page.WriteString("\n| variant | runs | added | refused | of these added as they are | broken |\n|---|---|---|---|---|---|\n")
	for _, v := range variants {
		var c counts
		for _, r := range results {
			if r.variant.name == v.name {
				c.add(r)
			}
		}
		fmt.Fprintf(&page, "| %s | %d | %d | %d | %s | %d |\n", v.what, c.runs, c.added, c.refused, c.codes(), c.broken)
	}
	_, err := io.WriteString(out, page.String())
	return err
}

// counts are what came of runs.
type counts struct {
	runs, added, refused, broken int
	only                         map[string]int // refused though added as it is, by the problem's code
}

func (c *counts) add(r result) {
	if r.outcome == notApplicable {
		return
	}
	c.runs++
	switch r.outcome {
	case added:
		c.added++
	case refused:
		c.refused++
		if r.only {
			if c.only == nil {
				c.only = map[string]int{}
			}
			c.only[r.code]++
		}
	}
	c.broken += min(1, len(r.broken))
}

func (c *counts) row() string {
	return fmt.Sprintf("%d | %d | %d | %d", c.runs, c.added, c.refused, c.broken)
}

func (c *counts) codes() string {
	var parts []string
	for _, code := range sortedKeys(c.only) {
		parts = append(parts, fmt.Sprintf("%d %s", c.only[code], code))
	}
	if parts == nil {
		return "-"
	}
	return strings.Join(parts, ", ")
}
