// Command reliability breaks authfit off and lets the disk fail under it, in
// every way that this machine can do it, and looks at what is left: the project
// has to be as it was or as planned, and the next start has to put it so. It
// prints the tables of docs/RELIABILITY.md.
//
//	go run ./internal/reliability
//
// It needs Linux, strace and, for the full disks, to be root or in a namespace
// where it is (unshare -rm). scripts/setup.sh says what is missing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	runs := flag.Int("runs", 500, "how many random kills; with each package manager a sixteenth of it")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random kills")
	part := flag.String("part", "", "only this one: census, calls, kills, authkit or disks")
	program := flag.String("program", "", "authfit, for a part of its own")
	flag.Parse()
	if err := run(*part, *program, *runs, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run(part, program string, runs int, seed uint64) error {
	tmp, err := os.MkdirTemp("", "authfit-reliability-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if program == "" {
		program = filepath.Join(tmp, "authfit")
		if err := command("go", "build", "-trimpath", "-o", program, "./cmd/authfit"); err != nil {
			return err
		}
	}
	watched := filepath.Join(tmp, "watched")
	all := part == ""
	if all || part == "census" || part == "calls" {
		if err := command("go", "build", "-trimpath", "-tags", "watched", "-o", watched, "./cmd/authfit"); err != nil {
			return err
		}
		if err := systemCalls(filepath.Join(tmp, "calls"), watched, all || part == "calls"); err != nil {
			return err
		}
	}
	if all || part == "kills" {
		if err := randomKills(filepath.Join(tmp, "kills"), program, runs, seed); err != nil {
			return err
		}
	}
	if all || part == "authkit" {
		if err := localAuthKit(tmp, program, seed); err != nil {
			return err
		}
	}
	if all {
		return namespace(program)
	}
	if part == "disks" {
		return disks(filepath.Join(tmp, "disks"), program)
	}
	return nil
}

const example = "examples/flask"

// systemCalls makes the census, and lets each call of it fail.
func systemCalls(dir, watched string, inject bool) error {
	// Signals of the runtime's own interrupt calls, which are then made twice.
	p, err := newProject(example, dir, []string{watched}, []string{"GODEBUG=asyncpreemptoff=1"})
	if err != nil {
		return err
	}
	fmt.Println("| run | operations the hook saw | system calls that change files | made to fail | killed at |")
	fmt.Println("|---|---|---|---|---|")
	added := func() error {
		if code, said := p.add(); code != 0 {
			return fmt.Errorf("add ended with %d: %s", code, said)
		}
		return nil
	}
	calls := map[string][]call{}
	for _, r := range []struct {
		what  string
		args  []string
		start func() error
	}{
		{"add", addArgs, func() error { return nil }},
		{"undo", undoArgs, added},
		{"recovery of add", planArgs, func() error { return p.killAt(calls["add"], "rename .env", addArgs) }},
		{"recovery of undo", planArgs, func() error {
			if err := added(); err != nil {
				return err
			}
			return p.killAt(calls["undo"], "rename app.py", undoArgs)
		}},
	} {
		if err := r.start(); err != nil {
			return err
		}
		c, found, err := p.census(r.args...)
		if err != nil {
			return fmt.Errorf("%s: %w", r.what, err)
		}
		calls[r.what] = found
		if _, _, err := p.next(undoArgs); err != nil {
			return fmt.Errorf("%s: %w", r.what, err)
		}
		faults, kills := 0, 0
		if inject {
			n := 0
			faults, kills, err = p.inject(found, r.start, func() { n++; progress(r.what, n, 5*len(found)) }, r.args...)
			if err != nil {
				return fmt.Errorf("%s: %w", r.what, err)
			}
		}
		fmt.Printf("| %s | %d | %d | %d | %d |\n", r.what, c.operations, c.calls, faults, kills)
	}
	fmt.Println()
	return nil
}

func randomKills(dir, program string, runs int, seed uint64) error {
	p, err := newProject(example, dir, []string{program}, nil)
	if err != nil {
		return err
	}
	fmt.Printf("Killed at random instants, seed %d:\n\n", seed)
	fmt.Println("| run | times | had ended by then | was cut off, and put back by the next start | then as before | then as planned | neither |")
	fmt.Println("|---|---|---|---|---|---|---|")
	if err := p.killRow("no manager", runs, seed); err != nil {
		return err
	}
	for i, manager := range managers {
		p, err := newManaged(manager, example, dir+manager, []string{program})
		if err == nil {
			err = p.killRow(manager, runs/16, seed+uint64(i)+1)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", manager, err)
		}
	}
	fmt.Println()
	return nil
}

func (p *project) killRow(what string, runs int, seed uint64) error {
	add, undo, err := p.kills(runs, rand.New(rand.NewPCG(seed, 0)), func(n int) { progress("kills, "+what, n, runs) })
	if err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	for _, r := range []struct {
		what string
		t    tally
	}{{"add", add}, {"undo", undo}} {
		fmt.Printf("| %s, %s | %d | %d | %d | %d | %d | 0 |\n", r.what, what, r.t.runs, r.t.ended, r.t.recovered, r.t.before, r.t.after)
	}
	return nil
}

// localAuthKit loads the local AuthKit, and kills it under load.
func localAuthKit(tmp, program string, seed uint64) error {
	a, err := startAuthKit([]string{program}, nil)
	if err != nil {
		return err
	}
	s, err := a.soak(64, time.Minute)
	if err = errors.Join(err, a.stop()); err != nil {
		return fmt.Errorf("the local AuthKit under load: %w", err)
	}
	fmt.Printf("The local AuthKit with 64 clients for a minute: %d logins, beside them %d slow clients and %d bodies without an end; %d MB at the end.\n\n",
		s.logins, s.slow, s.huge, s.memory)
	promised, looked, err := stateKills([]string{program}, nil, filepath.Join(tmp, "state.db"), 100, rand.New(rand.NewPCG(seed, 1)),
		func(n int) { progress("kills of the local AuthKit", n, 100) })
	if err != nil {
		return err
	}
	fmt.Printf("Killed 100 times under load with --state: %d users made in between, looked for %d users and sessions that had been answered, lost 0.\n\n",
		promised, looked)
	return nil
}

// namespace runs the part with the disks where mounts are this program's own.
func namespace(program string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command("unshare", "-rm", self, "-part", "disks", "-program", program)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// disks runs add and undo on disks that are full, and on such that are mounted
// for reading only.
func disks(dir, program string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	d, err := mount(dir, 1024)
	if err != nil {
		return err
	}
	defer func() { _ = command("umount", dir) }()
	p, err := newProject(example, filepath.Join(dir, "project"), []string{program}, nil)
	if err != nil {
		return err
	}
	added := func() error {
		if code, said := p.add(); code != 0 {
			return fmt.Errorf("add ended with %d: %s", code, said)
		}
		return nil
	}
	fmt.Println("| a disk with so many pages of 4 KB left | enough | exit 2 | exit 3 | of these brought to an end by the next start, with room |")
	fmt.Println("|---|---|---|---|---|")
	for _, r := range []struct {
		args  []string
		start func() error
	}{{addArgs, func() error { return nil }}, {undoArgs, added}} {
		f, err := p.fullDisk(d, r.start, r.args...)
		if err != nil {
			return fmt.Errorf("%s on a full disk: %w", r.args[0], err)
		}
		fmt.Printf("| %s | %d | %d | %d | %d |\n", r.args[0], f.enough, f.refused, f.failed, f.later)
	}
	if err := p.readOnly(addArgs...); err != nil {
		return err
	}
	if err := p.wantBefore(); err != nil {
		return err
	}
	if err := added(); err != nil {
		return err
	}
	if err := p.readOnly(undoArgs...); err != nil {
		return err
	}
	fmt.Printf("\nOn a disk that is mounted for reading only, add and undo end with exit 2 and say so.\n\n")
	if err := p.want("after"); err != nil {
		return err
	}
	if err := d.room(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	made, refusals, err := stateFull([]string{program}, d)
	if err != nil {
		return fmt.Errorf("the local AuthKit on a full disk: %w", err)
	}
	fmt.Printf("The local AuthKit with --state on a disk that ran full after %d users: %d requests refused with 507, none lost, and it went on with room again.\n\n",
		made, refusals)
	return nil
}

// progress says on a terminal how far it is.
func progress(what string, n, of int) {
	if n%50 == 0 || n == of {
		fmt.Fprintf(os.Stderr, "%s: %d of %d\n", what, n, of)
	}
}
