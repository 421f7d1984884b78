// Command conform holds pysyntax against a Python interpreter: it parses all
// .py files in the given directories with both, compares all nodes of the two
// trees by kind and byte range, and checks that the tokens give back the file.
//
//	go run ./internal/pysyntax/conform [-python FILE] [-min PERCENT] [-v] DIR...
//
// Files that the interpreter rejects are counted and left out. What stands in
// f-strings is compared with Python 3.12 and later only: before, ast has wrong
// positions there. Python 3.8 has no positions for keyword arguments and slices,
// and wrong ones for starred expressions; 3.9 and before have none for imported
// names.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	python := flag.String("python", "python3", "the interpreter")
	minimum := flag.Float64("min", 99.9, "fail below this percentage of equal files")
	verbose := flag.Bool("v", false, "list every node that differs")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: conform [-python FILE] [-min PERCENT] [-v] DIR...")
		os.Exit(2)
	}
	paths, err := Files(flag.Args()...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(2)
	}
	report, err := Compare(*python, paths)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(2)
	}
	limit := 3
	if *verbose {
		limit = -1
	}
	report.Print(os.Stdout, limit)
	if report.Percent() < *minimum {
		os.Exit(1)
	}
}
