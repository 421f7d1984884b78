package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// A tally is what many runs came to.
type tally struct {
	runs      int
	before    int // as it was, after the next start
	after     int // as planned
	recovered int // a run had been cut off, and the next start said so
	ended     int // the run came to its end before it was killed
}

// kills kills authfit n times at a random instant, half of the times in add and
// half in undo. What the project is after the next start, is counted.
func (p *project) kills(n int, chance *rand.Rand, progress func(int)) (add, undo tally, err error) {
	took := map[string]time.Duration{}
	for _, args := range [][]string{addArgs, undoArgs} {
		if took[args[0]], err = p.duration(args); err != nil {
			return add, undo, err
		}
	}
	for i := range n {
		args, t := addArgs, &add
		if i%2 == 1 {
			args, t = undoArgs, &undo
			if code, said := p.add(); code != 0 {
				return add, undo, fmt.Errorf("run %d: add ended with %d: %s", i, code, said)
			}
		}
		at := time.Duration(chance.Int64N(int64(took[args[0]])))
		then := [][]string{planArgs, planArgs, addArgs, undoArgs}[chance.IntN(4)]
		if err := p.kill(t, args, at, then); err != nil {
			return add, undo, fmt.Errorf("run %d, %s killed after %v, then %s: %w", i, args[0], at, then[0], err)
		}
		progress(i + 1)
	}
	return add, undo, nil
}

// kill is one of the runs.
func (p *project) kill(t *tally, args []string, at time.Duration, then []string) error {
	cmd := p.command(nil, args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	timer := time.AfterFunc(at, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	timer.Stop()
	t.runs++
	if err == nil {
		t.ended++
	} else if cmd.ProcessState.Exited() {
		return fmt.Errorf("it was not killed, but ended with %d", cmd.ProcessState.ExitCode())
	}
	is, recovered, err := p.next(then)
	if err != nil {
		return err
	}
	if recovered {
		t.recovered++
	}
	if is == "before" {
		t.before++
	} else {
		t.after++
	}
	return nil
}

// duration is the median of how long a run takes that nobody kills. The project
// is as at the start before and after it.
func (p *project) duration(args []string) (time.Duration, error) {
	var took []time.Duration
	for range 5 {
		if args[0] == "undo" {
			if code, said := p.add(); code != 0 {
				return 0, fmt.Errorf("add ended with %d: %s", code, said)
			}
		}
		began := time.Now()
		code, said := p.run(args...)
		took = append(took, time.Since(began))
		if code != 0 {
			return 0, fmt.Errorf("%s ended with %d: %s", args[0], code, said)
		}
		if args[0] == "add" {
			if code, said := p.undo(); code != 0 {
				return 0, fmt.Errorf("undo ended with %d: %s", code, said)
			}
		}
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
