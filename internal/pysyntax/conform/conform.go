package main

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"authfit/internal/pysyntax"
)

//go:embed dump.py
var dumpScript string

// Report is the outcome over all files.
type Report struct {
	Python   string // the interpreter's version, as "3.12"
	Files    int    // files given
	Rejected int    // files that the interpreter does not accept: out of scope
	Accepted int    // of those, files that pysyntax reads without an error
	Equal    int    // files equal in every node, and whose tokens give back the file
	Nodes    int    // nodes that the interpreter has
	Diffs    []Diff // the files that are not equal
}

// Diff tells how one file differs.
type Diff struct {
	Path  string
	Lines []string // an error, or "line:column kind start-end" with < for the interpreter's nodes, > for ours
	Nodes int      // the number of nodes that differ
}

// Percent is the share of equal files among those that the interpreter accepts.
func (r *Report) Percent() float64 {
	if r.Files == r.Rejected {
		return 0
	}
	return 100 * float64(r.Equal) / float64(r.Files-r.Rejected)
}

// Files lists the .py files in the given directories, symbolic links not
// followed, in order. The packages installed below a standard library are not
// a part of it, and left out unless their folder is given.
func Files(dirs ...string) ([]string, error) {
	var paths []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "site-packages" && path != dir {
				return fs.SkipDir
			}
			if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".py") && !strings.Contains(path, "\n") {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// Compare parses the files with the interpreter and with pysyntax. It runs an
// interpreter for each processor.
func Compare(python string, paths []string) (*Report, error) {
	parts := make([]*Report, min(runtime.NumCPU(), len(paths)))
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			var mine []string
			for j := i; j < len(paths); j += len(parts) {
				mine = append(mine, paths[j])
			}
			parts[i], errs[i] = compare(python, mine)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("comparing with %s: %w", python, err)
	}
	r := &Report{}
	for _, p := range parts {
		r.add(p)
	}
	slices.SortFunc(r.Diffs, func(a, b Diff) int { return strings.Compare(a.Path, b.Path) })
	return r, nil
}

func (r *Report) add(p *Report) {
	r.Python = p.Python
	r.Files += p.Files
	r.Rejected += p.Rejected
	r.Accepted += p.Accepted
	r.Equal += p.Equal
	r.Nodes += p.Nodes
	r.Diffs = append(r.Diffs, p.Diffs...)
}

func compare(python string, paths []string) (*Report, error) {
	cmd := exec.Command(python, "-c", dumpScript)
	cmd.Stdin = strings.NewReader(strings.Join(paths, "\n") + "\n")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &Report{Files: len(paths)}
	err = r.read(bufio.NewReaderSize(out, 1<<20))
	return r, errors.Join(err, cmd.Wait())
}

// read reads what dump.py prints.
func (r *Report) read(in *bufio.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), 1<<20)
	minor, done := 0, 0
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "V "):
			var major int
			if _, err := fmt.Sscanf(line, "V %d %d", &major, &minor); err != nil {
				return err
			}
			r.Python = fmt.Sprintf("%d.%d", major, minor)
		case strings.HasPrefix(line, "F "):
			done++
			if err := r.file(line[2:], lines, minor); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unexpected output: %q", line)
		}
	}
	if lines.Err() == nil && done != r.Files {
		return fmt.Errorf("the interpreter read %d of %d files", done, r.Files)
	}
	return lines.Err()
}

// file reads the nodes of one file, and compares.
func (r *Report) file(path string, lines *bufio.Scanner, minor int) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, parseErr := pysyntax.Parse(src)
	rejected := false
	var want []node
	for lines.Scan() && lines.Text() != "" {
		if strings.HasPrefix(lines.Text(), "E ") {
			rejected = true
			continue
		}
		n, err := parseNode(lines.Text())
		if err != nil {
			return err
		}
		want = append(want, n)
	}
	if rejected {
		r.Rejected++
		if parseErr == nil {
			r.Accepted++
		}
		return lines.Err()
	}
	r.Nodes += len(want)
	d := Diff{Path: path}
	if parseErr != nil {
		d.Lines = append(d.Lines, parseErr.Error())
	} else {
		d.compare(f, want, ours(f, minor))
	}
	if !sameBytes(f) {
		d.Lines = append(d.Lines, "the tokens do not give back the file")
	}
	if len(d.Lines) > 0 {
		r.Diffs = append(r.Diffs, d)
	} else {
		r.Equal++
	}
	return lines.Err()
}

func parseNode(line string) (n node, err error) {
	kind, rest, _ := strings.Cut(line, " ")
	start, end, _ := strings.Cut(rest, " ")
	n.kind = kind
	if n.start, err = strconv.Atoi(start); err == nil {
		n.end, err = strconv.Atoi(end)
	}
	if err != nil {
		return n, fmt.Errorf("unexpected output: %q", line)
	}
	return n, nil
}

func sameBytes(f *pysyntax.File) bool {
	var b strings.Builder
	for _, t := range f.Tokens() {
		if t.Kind == pysyntax.KindError {
			return false
		}
		b.WriteString(f.Text(t))
	}
	return b.String() == string(f.Src)
}

// compare lists the nodes that only one side has.
func (d *Diff) compare(f *pysyntax.File, want, got []node) {
	slices.SortFunc(want, node.compare)
	slices.SortFunc(got, node.compare)
	add := func(sign string, n node) {
		d.Nodes++
		text := f.Text(pysyntax.Span{Start: int32(n.start), Stop: int32(min(n.end, n.start+60, len(f.Src)))})
		d.Lines = append(d.Lines, fmt.Sprintf("%s line %d: %s %d-%d %q", sign, f.Line(n.start), n.kind, n.start, n.end, text))
	}
	for len(want) > 0 || len(got) > 0 {
		c := 0
		switch {
		case len(want) == 0:
			c = 1
		case len(got) == 0:
			c = -1
		default:
			c = want[0].compare(got[0])
		}
		if c < 0 {
			add("<", want[0])
		} else if c > 0 {
			add(">", got[0])
		}
		if c <= 0 {
			want = want[1:]
		}
		if c >= 0 {
			got = got[1:]
		}
	}
}

// Print writes the files that differ, with up to limit of the nodes of each (all
// if it is negative), and the figures.
func (r *Report) Print(w io.Writer, limit int) {
	for _, d := range r.Diffs {
		fmt.Fprintf(w, "%s: %d nodes differ\n", d.Path, d.Nodes)
		for i, line := range d.Lines {
			if i == limit {
				fmt.Fprintf(w, "  ...\n")
				break
			}
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	compared := r.Files - r.Rejected
	fmt.Fprintf(w, "python %s: %.2f%% equal: %d of %d files, %d nodes", r.Python, r.Percent(), r.Equal, compared, r.Nodes)
	fmt.Fprintf(w, " (%d more files that the interpreter rejects, of which pysyntax reads %d)\n", r.Rejected, r.Accepted)
}
