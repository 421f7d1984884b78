package txn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"authfit/internal/edit"
)

// Undo takes back everything that Apply did to the project, the newest first,
// without git: files come back byte for byte, with their modes and times; files
// and folders that were made go; environment files lose the added lines that
// are still as they were added; packages that came go, and the environment's
// folder where it was made. It uses Root, Environment, Partial
// and Progress of o.
//
// Of a file that has been edited since, only our change is taken out. Where the
// edits touch ours, or the file was made by us, nothing is done and a
// *problem.Problem names all such files; with Partial they stay, and the rest is
// undone. ErrNothing, with an empty Result, says that nothing has been applied.
// *NotRestored says what could not be put back; Undo can then be tried again.
func Undo(ctx context.Context, o Options) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return takeBack(ctx, o, func(all []*journal) []*journal { return all })
}

// UndoLast is Undo of the newest Apply alone, for a caller who breaks off what
// follows it. It does its work even when ctx has ended.
func UndoLast(ctx context.Context, o Options) (*Result, error) {
	return takeBack(ctx, o, func(all []*journal) []*journal { return all[max(0, len(all)-1):] })
}

// Recover looks for a run that was cut off, and puts back what it had begun: an
// Apply is rolled back, an Undo is brought to its end. Without one it returns
// nil and no error. To be called before the project is looked at; its errors
// are those of Undo. What the package manager's files held, should somebody
// have edited them since, is kept in .authfit/kept, and a note says so.
func Recover(ctx context.Context, o Options) (*Result, error) {
	d, err := openDisk(o.Root, o.hook)
	if err != nil {
		return nil, refusal("", err)
	}
	defer d.close()
	there, err := d.exists(home)
	if err != nil || !there {
		return nil, err
	}
	all, empty, err := d.load()
	if err != nil {
		return nil, refusal(home, err)
	}
	leftover := len(empty) > 0
	if len(all) == 0 && !leftover {
		if leftover, err = d.homeIsOurs(); err != nil {
			return nil, refusal(home, err)
		}
	}
	if !leftover && len(unfinished(all)) == 0 {
		return nil, nil
	}
	if !o.Asked {
		if err := d.madeHere(unfinished(all)); err != nil {
			return nil, err
		}
	}
	r, err := takeBack(ctx, o, unfinished)
	if errors.Is(err, ErrNothing) {
		return nil, nil
	}
	return r, err
}

// Unfinished says whether a run was cut off in the project, so that Recover has
// something to do. What cannot be read counts for one.
func Unfinished(root string) bool {
	d, err := openDisk(root, nil)
	if err != nil {
		return false
	}
	defer d.close()
	all, _, err := d.load()
	return err != nil || len(unfinished(all)) > 0
}

// takeBack reverts the journals that which chooses, newest first.
func takeBack(ctx context.Context, o Options, which func([]*journal) []*journal) (r *Result, err error) {
	d, err := openDisk(o.Root, o.hook)
	if err != nil {
		return nil, refusal("", err)
	}
	defer d.close()
	if there, err := d.exists(home); err != nil {
		return nil, refusal(home, err)
	} else if !there {
		return newResult(), ErrNothing
	}
	if err := d.checkFolder("."); err != nil {
		return nil, err
	}
	ctx, l, err := d.lock(ctx, o)
	if err != nil {
		return nil, refusal(home, err)
	}
	defer func() {
		if uerr := d.unlock(l); uerr != nil && r != nil {
			r.Notes = append(r.Notes, fmt.Sprintf("%s could not be tidied: %v", home, uerr))
		}
	}()
	all, empty, err := d.load()
	if err != nil {
		return nil, refusal(home, err)
	}
	for _, dir := range empty {
		if err := d.removeAll(dir); err != nil {
			return nil, refusal(dir, err)
		}
	}
	chosen := which(all)
	if len(chosen) == 0 {
		return newResult(), ErrNothing
	}
	if err := d.settle(chosen, o.Partial); err != nil {
		return nil, err
	}
	return d.revertAll(context.WithoutCancel(ctx), o, chosen)
}

// revertAll takes journals back, newest first. Marking the oldest one is the
// step that decides: from then on a crash is followed by going on.
func (d *disk) revertAll(ctx context.Context, o Options, chosen []*journal) (*Result, error) {
	crashed := chosen[0].Phase != applied
	for i, j := range chosen {
		if !j.marked() || i == 0 && !crashed { // that one is saved below
			continue
		}
		if err := d.save(j); err != nil {
			return nil, refusal(j.dir, err)
		}
	}
	if !crashed {
		chosen[0].Phase = undoing
		if err := d.save(chosen[0]); err != nil {
			chosen[0].Phase = applied // it may say otherwise on the disk, though saving it failed
			_ = d.save(chosen[0])
			return nil, refusal(chosen[0].dir, err)
		}
	}
	r := newResult()
	defer r.tidy()
	for _, j := range slices.Backward(chosen) {
		if failures := d.revert(ctx, o, j, r, crashed); len(failures) > 0 {
			return r, &NotRestored{Failures: failures}
		}
		if err := d.discard(j); err != nil {
			return r, &NotRestored{Failures: []Failure{{Path: j.dir, Err: err}}}
		}
	}
	return r, nil
}

// tidy names each file, key and package once.
func (r *Result) tidy() {
	slices.Sort(r.Files)
	r.Files = slices.Compact(r.Files)
	slices.Sort(r.Kept)
	r.Kept = slices.Compact(r.Kept)
	slices.Sort(r.Packages)
	r.Packages = slices.Compact(r.Packages)
}

// before reads a file's backup.
func (d *disk) before(j *journal, e *fileEntry) ([]byte, error) {
	data, err := d.own(e.backup(j))
	if err == nil && sum(data) != e.Before.SHA256 {
		err = fmt.Errorf("its backup %s is damaged", e.backup(j))
	}
	return data, err
}

// left says whether a file is as the journal left it. What commands that were
// cut off left, nobody knows, so that everything is.
func (e *fileEntry) left(j *journal, now *state) bool {
	return e.Command && !j.CommandsDone || sameContent(now, e.After)
}

// revert puts back everything that one journal names. It goes on after a
// failure, so that as much as possible comes back. After a crash it does not
// trust that what the commands left is still theirs.
func (d *disk) revert(ctx context.Context, o Options, j *journal, r *Result, crashed bool) []Failure {
	var failures []Failure
	fail := func(path, backup string, err error) {
		if err != nil {
			failures = append(failures, Failure{path, backup, err})
		}
	}
	for _, e := range slices.Backward(j.Env) {
		fail(e.Path, "", d.revertEnv(e, r))
		fail(e.Path, "", about(e.Path, d.remove(tempName(e.Target))))
	}
	for _, e := range slices.Backward(j.Files) {
		if e.Kept {
			fail(e.Path, e.backup(j), d.keepBefore(j, e, r))
			continue
		}
		fail(e.Path, e.backup(j), d.revertFile(o, j, e, r, crashed))
		fail(e.Path, "", about(e.Path, d.remove(tempName(e.Target))))
	}
	for _, dir := range slices.Backward(j.Folders) {
		fail(dir, "", d.removeFolder(dir, r))
	}
	if len(failures) == 0 && j.keepsCommands() {
		for _, argv := range j.Commands {
			program := filepath.Base(argv[0])
			r.Notes = append(r.Notes, fmt.Sprintf("what `%s` did stays, since its files have been changed since: take it out with %s",
				strings.Join(append([]string{program}, argv[1:]...), " "), program))
		}
	} else if len(failures) == 0 {
		err := d.revertPackages(ctx, o, j, r)
		fail(packagesPlace, "", err)
	}
	if j.Commit != "" {
		r.Notes = append(r.Notes, fmt.Sprintf("the commit %s is git's and stays; unless you have reverted it, commit what was put back, as `git revert` would", j.Commit[:12]))
	}
	return failures
}

// errEdited is said of a file that is not as we left it.
var errEdited = errors.New("it has been changed by something else and was left as it is")

func (d *disk) revertFile(o Options, j *journal, e *fileEntry, r *Result, crashed bool) error {
	now, data, err := d.read(e.Target)
	if err != nil {
		return err
	}
	if sameContent(now, e.Before) {
		if now == nil {
			return nil
		}
		return d.dress(e.Target, e.wanted(now))
	}
	if !e.changed(j) {
		return nil
	}
	if e.Merge != nil && now != nil {
		return d.revertMerged(o, j, e, now, data, r)
	}
	if now != nil && !e.left(j, now) {
		return errEdited
	}
	if now != nil && crashed && e.Command && !j.CommandsDone {
		if err := d.keep(e, data, r); err != nil {
			return err
		}
	}
	o.tell("putting back " + e.Path)
	r.Files = append(r.Files, e.Path)
	if e.Before == nil {
		return d.removeCreated(e.Target)
	}
	before, err := d.before(j, e)
	if err != nil {
		return err
	}
	want := e.wanted(now)
	return d.restore(e.Target, before, want, e.backup(j))
}

// wanted is the state that a file gets back. A mode that the user has given it
// since stays.
func (e *fileEntry) wanted(now *state) state {
	want := *e.Before
	if now != nil && e.After != nil && now.Mode != e.After.Mode {
		want.Mode = now.Mode
	}
	return want
}

// keep copies what a file holds after a crash to where nothing removes it: it
// may be the user's.
func (d *disk) keep(e *fileEntry, data []byte, r *Result) error {
	name, err := d.keepAs(e, data)
	r.Notes = append(r.Notes, fmt.Sprintf("%s was put back as it was before the run that was cut off; what it held until now is in %s", e.Path, name))
	return err
}

// keepBefore copies what a file was before, since the journal goes and the file
// stays as it is.
func (d *disk) keepBefore(j *journal, e *fileEntry, r *Result) error {
	r.Kept = append(r.Kept, e.Path)
	if e.Before == nil {
		return nil
	}
	before, err := d.before(j, e)
	if err != nil {
		return err
	}
	name, err := d.keepAs(e, before)
	r.Notes = append(r.Notes, fmt.Sprintf("as %s was before authfit, it is in %s", e.Path, name))
	return err
}

// keepAs writes a private copy, and says where. It is named by what is in it: a
// later one takes the place of its equal only.
func (d *disk) keepAs(e *fileEntry, data []byte) (name string, err error) {
	if err := d.mkdir(keptDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	name = path.Join(keptDir, sum(data)[:12]+"-"+strings.ReplaceAll(e.Path, "/", "_"))
	if err := d.write(name, data); err != nil {
		return name, err
	}
	return name, d.syncNames(name, keptDir)
}

// removeCreated removes a file that we made, and what Python has compiled it to.
func (d *disk) removeCreated(target string) error {
	// The caches first: once the file is gone, nobody looks for them again.
	caches, folder := d.pyCaches(target)
	for _, c := range caches {
		if err := d.remove(c); err != nil {
			return err
		}
	}
	if left, err := d.list(folder); folder != "" && err == nil && len(left) == 0 {
		if err := d.remove(folder); err != nil {
			return err
		}
	} else if len(caches) > 0 {
		if err := d.syncDir(folder); err != nil {
			return err
		}
	}
	return d.remove(target)
}

// removeFolder removes a folder that we made, unless something else is in it.
func (d *disk) removeFolder(dir string, r *Result) error {
	left, err := d.list(dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("the folder %s stays, since %s is in it", dir, left[0]))
		return nil
	}
	return d.remove(dir)
}

// revertEnv takes the added lines out of an environment file. Its bytes from
// before are in no backup; they are the file without what was appended.
func (d *disk) revertEnv(e *envEntry, r *Result) error {
	now, data, err := d.read(e.Target)
	if err != nil || now == nil {
		return err
	}
	if sameContent(now, e.Before) {
		want := *e.Before
		want.Mode = now.Mode
		return d.dress(e.Target, want)
	}
	if e.Before != nil && isBefore(e, data) && now.SHA256 == e.After {
		r.noteEnv(e, data[:e.Before.Size])
		want := *e.Before
		want.Mode = now.Mode
		return d.cut(e.Target, data[:e.Before.Size], want)
	}
	edits, missing := edit.RemoveLines(data, e.Lines)
	rest, err := edit.Apply(data, edits...)
	if err != nil {
		return err
	}
	if missing > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s keeps what has been changed in the lines that were added", e.Path))
	}
	if len(edits) == 0 {
		return nil
	}
	r.noteEnv(e, rest)
	if e.Before == nil && strings.TrimSpace(string(rest)) == "" {
		return d.remove(e.Target)
	}
	if e.Before != nil && isBefore(e, rest) && string(rest[e.Before.Size:]) == edit.Newline(rest) {
		rest = rest[:e.Before.Size] // the last line's newline was ours
	}
	return d.replace(e.Target, rest, &state{Mode: now.Mode, UID: now.UID, GID: now.GID}, 0)
}

// noteEnv notes the keys that are no longer there.
func (r *Result) noteEnv(e *envEntry, rest []byte) {
	env := edit.ParseEnv(rest)
	for _, k := range e.Keys {
		if _, _, there := env.Get(k); !there {
			r.Env = append(r.Env, EnvKey{e.Path, k})
		}
	}
}

// isBefore says whether data begins with the file as it was.
func isBefore(e *envEntry, data []byte) bool {
	return int64(len(data)) >= e.Before.Size && sum(data[:e.Before.Size]) == e.Before.SHA256
}

// revertPackages takes back what the commands did to the Python environment:
// one that they made goes as a whole; from another, what they added goes, and
// what they changed comes back. What has been changed since then is left.
func (d *disk) revertPackages(ctx context.Context, o Options, j *journal, r *Result) error {
	pk, list := j.Packages, o.Environment.Packages
	if pk != nil && list == nil && len(j.EnvDirs) == 0 {
		r.Notes = append(r.Notes, "what the commands did to the installed packages was not taken back")
	}
	if pk == nil || list == nil {
		list = func() (map[string]string, error) { return nil, nil }
	}
	now, err := list()
	if err != nil {
		return err
	}
	theirs := pk != nil && pk.After != nil && pk.strangers(now)
	for _, dir := range j.EnvDirs {
		there, err := d.exists(dir)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		if theirs {
			r.Notes = append(r.Notes, fmt.Sprintf("the folder %s stays, since packages in it have been changed", dir))
			continue
		}
		o.tell("removing " + dir)
		if err := d.removeAll(dir); err != nil {
			return err
		}
	}
	if err := disownDamaged(o, j); err != nil {
		return err
	}
	if now, err = list(); err != nil {
		return err
	}
	return packageChanges(ctx, o, pk, now, r)
}

// strangers says whether there is a package that neither the commands left nor
// was there before: somebody has installed it since.
func (pk *packages) strangers(now map[string]string) bool {
	for name, version := range now {
		if version != pk.Before[name] && version != pk.After[name] {
			return true
		}
	}
	return false
}

// packageChanges brings the installed packages back to those before.
func packageChanges(ctx context.Context, o Options, pk *packages, now map[string]string, r *Result) error {
	if pk == nil {
		return nil
	}
	after := pk.After
	if after == nil {
		after = now
	}
	var added, changed []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, was := pk.Before[name]; !was && now[name] == after[name] {
			added = append(added, name)
			r.Packages = append(r.Packages, name+"=="+now[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pk.Before)) {
		if now[name] == after[name] && now[name] != pk.Before[name] && len(now) > 0 {
			changed = append(changed, name+"=="+pk.Before[name])
		}
	}
	if len(added) > 0 {
		if o.Environment.Uninstall == nil {
			return fmt.Errorf("these packages have been added and stay: %s", strings.Join(added, ", "))
		}
		o.tell("removing " + strings.Join(added, ", "))
		if err := o.Environment.Uninstall(ctx, added); err != nil {
			return fmt.Errorf("removing %s: %w", strings.Join(added, ", "), err)
		}
	}
	if err := removeParts(o, pk); err != nil {
		return err
	}
	if len(changed) > 0 {
		if o.Environment.Reinstall == nil {
			return fmt.Errorf("these packages have been changed; to put them back: %s", strings.Join(changed, " "))
		}
		o.tell("putting back " + strings.Join(changed, ", "))
		if err := o.Environment.Reinstall(ctx, changed); err != nil {
			return fmt.Errorf("putting back %s: %w", strings.Join(changed, ", "), err)
		}
	}
	return removeRest(o, pk, now)
}
