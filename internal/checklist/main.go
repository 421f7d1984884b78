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
	"fmt"
	"os"
	"os/signal"
	"strings"
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
	results := map[string]map[int]string{}
	for _, framework := range frameworks {
		fmt.Fprintln(os.Stderr, "checking", framework)
		found, err := check(ctx, framework)
		if err != nil {
			return fmt.Errorf("%s: %w", framework, err)
		}
		results[framework] = found
	}
	table(results)
	return nil
}

// check adds the login to an example and tries every line; the results are by
// the number of the line, empty where it holds.
func check(ctx context.Context, framework string) (map[int]string, error) {
	l, err := newLab(ctx, framework)
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

// table prints the page: a row for each line, a column for each framework.
func table(results map[string]map[int]string) {
	fmt.Print(strings.Join([]string{
		"# The checklist",
		"",
		"Each line was tried over HTTP against the example app of each framework after `authfit add`, with the local AuthKit",
		"behind it. Made by `make checklist`; the lines are those of RFC 9700, RFC 7636 and OWASP ASVS 5.",
		"",
		"| | line | " + strings.Join(frameworks, " | ") + " |",
		"|---|---|" + strings.Repeat("---|", len(frameworks)),
		"",
	}, "\n"))
	var notes []string
	for _, line := range lines {
		fmt.Printf("| %d | %s |", line.number, line.text)
		for _, f := range frameworks {
			switch got := results[f][line.number]; {
			case got == "":
				fmt.Print(" passed |")
			case strings.HasPrefix(got, notHere):
				fmt.Print(" - |")
				notes = append(notes, fmt.Sprintf("- %d, %s: %s", line.number, f, strings.TrimPrefix(got, notHere)))
			default:
				fmt.Print(" **failed** |")
				notes = append(notes, fmt.Sprintf("- %d, %s: %s", line.number, f, got))
			}
		}
		fmt.Println()
	}
	if notes != nil {
		fmt.Printf("\n%s\n", strings.Join(notes, "\n"))
	}
}
