// Command checklist adds a login to the example apps and holds each against the
// 34 lines that a login must stand up to, over HTTP, with a local AuthKit behind
// it. It prints docs/checklist.md.
//
//	go run ./internal/checklist
//
// It runs in the environment of .cache/env, which `make checklist` sources.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"authfit/internal/example"
	"authfit/internal/sdks"
)

// frameworks are the examples, in the order of the table's columns.
var frameworks = []string{"django", "flask", "fastapi", "vanilla"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "checklist:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var results []column
	for _, version := range sdks.Versions {
		python, err := environment(ctx, version)
		if err != nil {
			return fmt.Errorf("workos %s: %w", version, err)
		}
		fmt.Fprintln(os.Stderr, "checking with workos", version)
		columns, err := checkAll(ctx, version, python)
		if err != nil {
			return err
		}
		results = append(results, columns...)
	}
	table(results)
	return nil
}

// checkAll checks every framework with a version of the SDK, side by side: most
// of the time is waiting.
func checkAll(ctx context.Context, version, python string) ([]column, error) {
	columns, errs := make([]column, len(frameworks)), make([]error, len(frameworks))
	var wg sync.WaitGroup
	for i, framework := range frameworks {
		wg.Go(func() {
			found, err := check(ctx, framework, python)
			if err != nil {
				err = fmt.Errorf("%s, workos %s: %w", framework, version, err)
			}
			columns[i], errs[i] = column{framework, version, found}, err
		})
	}
	wg.Wait()
	return columns, errors.Join(errs...)
}

// A column is what an example with a version of the SDK was found to do.
type column struct {
	framework, sdk string
	wrong          map[int]string // by the number of the line; empty where it holds
}

// environment is the interpreter of an environment with the frameworks and a
// version of the SDK.
func environment(ctx context.Context, version string) (string, error) {
	return sdks.Python(ctx, filepath.Join(example.Root(), ".cache"), version)
}

// check adds the login to an example and tries every line, with an interpreter
// that has the framework and the SDK; the results are by the number of the line,
// empty where it holds.
func check(ctx context.Context, framework, python string) (map[int]string, error) {
	l, err := newLab(ctx, framework, python)
	if err != nil {
		return nil, err
	}
	defer l.close()
	found := map[int]string{}
	for _, line := range lines {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found[line.number] = l.try(line)
	}
	return found, nil
}

// table prints the page: a row for each line, a column for each framework and
// version of the SDK.
func table(results []column) {
	fmt.Print(strings.Join([]string{
		"# The checklist",
		"",
		"Each line was tried over HTTP against the example app of each framework after `authfit add`, with the local AuthKit",
		"behind it, and with each version of the workos SDK. Made by `make checklist`; the lines are those of RFC 9700, RFC 7636",
		"and OWASP ASVS 5. ✓ means that the line holds; where it does not, or cannot be tried, the reason is below.",
		"",
		"",
	}, "\n"))
	var head, rule strings.Builder
	for _, c := range results {
		fmt.Fprintf(&head, " %s %s |", c.framework, c.sdk)
		rule.WriteString("---|")
	}
	fmt.Printf("| | line |%s\n|---|---|%s\n", head.String(), rule.String())
	var notes []string
	for _, line := range lines {
		fmt.Printf("| %d | %s |", line.number, line.text)
		for _, c := range results {
			wrong, elsewhere := strings.CutPrefix(c.wrong[line.number], notHere)
			switch {
			case wrong == "":
				fmt.Print(" ✓ |")
				continue
			case elsewhere:
				fmt.Print(" - |")
			default:
				fmt.Print(" **failed** |")
			}
			note := fmt.Sprintf("- %d, %s: %s", line.number, c.framework, wrong)
			if !elsewhere {
				note = fmt.Sprintf("- %d, %s, workos %s: %s", line.number, c.framework, c.sdk, wrong)
			}
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
		fmt.Println()
	}
	if notes != nil {
		fmt.Printf("\n%s\n", strings.Join(notes, "\n"))
	}
}
