package txn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"authfit/internal/problem"
)

// Apply carries out the plan. A *problem.Problem says that nothing was begun: a
// file has changed since the plan was made, cannot be written, or another
// authfit is at work. *RolledBack says that it failed and everything was put
// back; *NotRestored, that putting back failed too. An empty plan does nothing
// and leaves no journal.
//
// Each Apply has its own journal; they stack, and Undo takes back all.
func Apply(ctx context.Context, o Options) (*Result, error) {
	if err := o.Plan.Check(); err != nil {
		return nil, err
	}
	if o.Plan.Empty() {
		return newResult(), nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, err := openDisk(o.Root, o.hook)
	if err != nil {
		return nil, refusal("", err)
	}
	defer d.close()
	if err := d.checkFolder("."); err != nil {
		return nil, err
	}
	ctx, l, err := d.lock(ctx, o)
	if err != nil {
		return nil, refusal(home, err)
	}
	r, err := d.apply(ctx, o)
	if uerr := d.unlock(l); uerr != nil && err == nil {
		r.Notes = append(r.Notes, fmt.Sprintf("%s could not be tidied: %v", home, uerr))
	}
	return r, err
}

// Check says, without changing anything, whether the plan can be applied now:
// its error is the *problem.Problem that Apply would refuse it with. It uses
// Root, Plan and Values of o.
func Check(o Options) error {
	if err := o.Plan.Check(); err != nil {
		return err
	}
	d, err := openDisk(o.Root, nil)
	if err != nil {
		return refusal("", err)
	}
	defer d.close()
	o.Environment = Environment{}
	_, err = d.prepare(o)
	return err
}

// apply is Apply under the lock.
func (d *disk) apply(ctx context.Context, o Options) (*Result, error) {
	all, empty, err := d.load()
	if err != nil {
		return nil, refusal(home, err)
	}
	if len(unfinished(all)) > 0 {
		return nil, problem.New("unfinished", "an earlier run was cut off in the middle").
			WithFix("run authfit again: it puts everything back first")
	}
	for _, dir := range empty {
		if err := d.removeAll(dir); err != nil {
			return nil, refusal(dir, err)
		}
	}
	p, err := d.prepare(o)
	if err != nil {
		return nil, err
	}
	if len(o.Plan.Commands)+len(p.writes) == 0 {
		return newResult(), nil // all keys have come to be there since
	}
	err = d.begin(p)
	if err == nil {
		err = d.carryOut(ctx, o, p)
	}
	if err == nil {
		return p.result(), nil
	}
	return nil, d.rollBack(ctx, o, p.journal, err)
}

// carryOut does what the journal was begun for.
func (d *disk) carryOut(ctx context.Context, o Options, p *prepared) error {
	for _, c := range o.Plan.Commands {
		if err := ctx.Err(); err != nil {
			return err
		}
		o.tell("running " + strings.Join(c.Argv, " "))
		if err := o.Run(ctx, c); err != nil {
			return err
		}
	}
	if err := d.noteCommands(o, p.journal); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if o.Check != nil {
		if err := o.Check(ctx); err != nil {
			return err
		}
	}
	for _, dir := range slices.Clone(p.journal.Folders) {
		err := d.mkdir(dir, 0o777)
		if errors.Is(err, fs.ErrExist) { // somebody has made it meanwhile, so it is theirs
			p.journal.Folders = slices.DeleteFunc(p.journal.Folders, func(n string) bool { return n == dir })
			continue
		}
		if err != nil {
			return err
		}
		if err := d.syncDir(path.Dir(dir)); err != nil {
			return err
		}
	}
	for _, w := range p.writes {
		if err := ctx.Err(); err != nil {
			return err
		}
		o.tell("writing " + w.path)
		if err := d.put(w); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.journal.Phase = applied
	return d.save(p.journal)
}

// put writes one file, unless it has changed since it was looked at. That is
// seen twice, the second time when the new file lies finished beside it: what
// somebody writes between that look and the rename, some microseconds later, is
// lost. A file that comes anew is never put in the place of another.
func (d *disk) put(w write) error {
	changed := problem.New("changed", "the file has changed while authfit was at work").At(w.path, 0).
		WithFix("run authfit again")
	now, _, err := d.read(w.target)
	if err == nil && !sameContent(now, w.before) {
		err = changed
	}
	if err != nil {
		return err
	}
	place := d.appear
	var keep *state
	if now != nil {
		place = d.rename
		keep = &state{Mode: now.Mode, UID: now.UID, GID: now.GID}
	}
	err = d.install(w.target, w.after, keep, w.perm, func(tmp, target string) error {
		now, _, err := d.read(target)
		if err == nil && sameContent(now, w.before) {
			err = place(tmp, target)
		} else if err == nil {
			err = changed
		}
		if errors.Is(err, fs.ErrExist) {
			err = changed
		}
		return err
	})
	if w.entry != nil {
		w.entry.written = !errors.Is(err, changed)
	}
	return err
}

func sameContent(a, b *state) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.SHA256 == b.SHA256
}

// noteCommands puts into the journal what the commands have done.
func (d *disk) noteCommands(o Options, j *journal) error {
	for _, e := range j.Files {
		if !e.Command {
			continue
		}
		after, data, err := d.read(e.Target)
		if err != nil {
			return err
		}
		if after != nil { // managers do not make last what they write
			if err := d.syncFile(e.Target); err != nil {
				return err
			}
		}
		if err := d.syncNames(e.Target); err != nil {
			return err
		}
		e.After = after
		if after != nil && !sameContent(e.Before, after) && !e.lock() {
			if err := d.writeLeft(j, e, data); err != nil {
				return err
			}
		}
	}
	if j.Packages != nil {
		after, err := o.Environment.Packages()
		if err != nil {
			return err
		}
		j.Packages.After = after
		if o.Environment.Entries != nil {
			if j.Packages.EntriesAfter, err = o.Environment.Entries(); err != nil {
				return err
			}
		}
	}
	j.CommandsDone = true
	return d.save(j)
}

// rollBack puts everything back and returns the error that says so.
func (d *disk) rollBack(ctx context.Context, o Options, j *journal, cause error) error {
	if err := ctx.Err(); err != nil && !errors.Is(cause, err) {
		cause = fmt.Errorf("%w (%w)", err, cause) // the command that was ended says something of its own
	}
	o.tell("putting everything back")
	if j.Phase == applied { // it may say so on the disk, though saving it failed
		j.Phase = begun
		if err := d.saveUnless(j); err != nil {
			// As planned is as good a state as any; half put back, and called applied, is none.
			return &NotRestored{cause, []Failure{{Path: j.dir, Err: err}}}
		}
	}
	// What we have not written is not ours to put back, whatever it is now.
	j.Files = slices.DeleteFunc(j.Files, func(e *fileEntry) bool { return !e.Command && !e.written })
	// What has to be put back is put back, whoever waits for it.
	failures := d.revert(context.WithoutCancel(ctx), o, j, newResult(), false)
	if len(failures) > 0 && j.dir != "" {
		_ = d.save(j) // for Recover; if this fails too, it is more careful
	} else {
		if err := d.discard(j); err != nil {
			failures = append(failures, Failure{Path: j.dir, Err: err})
		}
	}
	if len(failures) > 0 {
		return &NotRestored{cause, failures}
	}
	return &RolledBack{cause}
}

func (o Options) tell(step string) {
	if o.Progress != nil {
		o.Progress(step)
	}
}

func newResult() *Result {
	return &Result{Files: []string{}, Env: []EnvKey{}, Packages: []string{}, Kept: []string{}, Notes: []string{}}
}

// result is what was done, from the journal.
func (p *prepared) result() *Result {
	r := newResult()
	for _, e := range p.journal.Files {
		if !e.Command || !sameContent(e.Before, e.After) {
			r.Files = append(r.Files, e.Path)
		}
	}
	for _, e := range p.journal.Env {
		for _, k := range e.Keys {
			r.Env = append(r.Env, EnvKey{e.Path, k})
		}
	}
	if pk := p.journal.Packages; pk != nil {
		for _, name := range slices.Sorted(maps.Keys(pk.After)) {
			if pk.Before[name] != pk.After[name] {
				r.Packages = append(r.Packages, name+"=="+pk.After[name])
			}
		}
	}
	return r
}

// refusal makes a Problem of an error that came before anything was done.
func refusal(file string, err error) error {
	if err == nil {
		return nil
	}
	var p *problem.Problem
	if errors.As(err, &p) || errors.Is(err, context.Canceled) {
		return err
	}
	return problem.New("unreadable", "%v", err).At(file, 0).WithFix("put a file there that can be read, and run authfit again")
}
