package txn

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/problem"
)

// prepared is a plan held against the disk: the journal to begin with, the
// bytes for its backups, and what is to be written.
type prepared struct {
	journal *journal
	backups map[*fileEntry][]byte
	writes  []write
}

// A write is one file with its new bytes.
type write struct {
	path, target string
	before       *state // nil: it comes anew, with perm
	after        []byte
	perm         fs.FileMode
	entry        *fileEntry // nil for an environment file
}

// envComment stands above the keys that are added to an environment file.
const envComment = "WorkOS AuthKit, added by authfit"

// prepare reads everything that the plan names and checks all that can be
// checked before the first change. What it refuses is a *problem.Problem.
func (d *disk) prepare(o Options) (*prepared, error) {
	p := &prepared{
		journal: &journal{
			Schema: Schema, Phase: begun, Began: time.Now().UTC().Truncate(time.Second),
			Files: []*fileEntry{}, Env: []*envEntry{}, Folders: []string{}, EnvDirs: []string{}, Commands: [][]string{},
		},
		backups: map[*fileEntry][]byte{},
	}
	for _, c := range o.Plan.Commands {
		p.journal.Commands = append(p.journal.Commands, c.Argv)
	}
	steps := []func(Options, *prepared) error{d.prepareFiles, d.prepareRestores, d.prepareEnv, d.prepareEnvironment}
	for _, step := range steps {
		if err := step(o, p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (d *disk) prepareFiles(o Options, p *prepared) error {
	changed := map[string]string{}
	for _, f := range o.Plan.Files {
		e, data, err := d.entry(p, f.Path)
		if err != nil {
			return err
		}
		if now := e.Before; (now == nil) != (f.Action == plan.Create) || now != nil && now.SHA256 != f.SHA256Before {
			changed[f.Path] = f.Path
			continue
		}
		after, err := f.Apply(data)
		if err != nil {
			return problem.New("plan-invalid", "%v", err).WithFix("make the plan anew: authfit plan -o FILE")
		}
		e.After = &state{SHA256: f.SHA256After, Size: int64(len(after)), UID: -1, GID: -1}
		if e.Before != nil {
			e.After.Mode = e.Before.Mode
		}
		p.add(e, data)
		p.writes = append(p.writes, write{f.Path, e.Target, e.Before, after, 0o666, e})
		if err := d.prepareFolders(p, path.Dir(e.Target)); err != nil {
			return err
		}
	}
	return stale(changed)
}

// prepareRestores takes the files that the commands will change.
func (d *disk) prepareRestores(o Options, p *prepared) error {
	changed := map[string]string{}
	for _, r := range o.Plan.Restores {
		if slices.ContainsFunc(p.journal.Files, func(e *fileEntry) bool { return e.Path == r.Path }) {
			continue
		}
		e, data, err := d.entry(p, r.Path)
		if err != nil {
			return err
		}
		if now := e.Before; (now == nil) != (r.SHA256Before == "") || now != nil && now.SHA256 != r.SHA256Before {
			changed[r.Path] = r.Path
		}
		e.Command = true
		p.add(e, data)
	}
	return stale(changed)
}

// stale refuses files that are not those of the plan.
func stale(changed map[string]string) error {
	return listed(changed, "changed", "files have changed since the plan was made", "make a new plan: run authfit again, without --plan or after `authfit plan -o FILE`")
}

// twice refuses a second name for a file.
func (p *prepared) twice(name, target string) error {
	others := map[string]string{} // path by target
	for _, e := range p.journal.Files {
		others[e.Target] = e.Path
	}
	for _, e := range p.journal.Env {
		others[e.Target] = e.Path
	}
	if other, there := others[target]; there {
		return problem.New("path", "this and %s are the same file", other).At(name, 0)
	}
	return nil
}

// entry looks at one file. That two names lead to one file is refused.
func (d *disk) entry(p *prepared, name string) (*fileEntry, []byte, error) {
	target, now, data, err := d.look(name)
	if err != nil {
		return nil, nil, err
	}
	if err := p.twice(name, target); err != nil {
		return nil, nil, err
	}
	return &fileEntry{Path: name, Target: target, Before: now}, data, nil
}

func (p *prepared) add(e *fileEntry, data []byte) {
	p.journal.Files = append(p.journal.Files, e)
	p.backups[e] = data
}

// look follows the links in name, reads the file and checks that it can be
// replaced.
func (d *disk) look(name string) (target string, now *state, data []byte, err error) {
	target, err = d.resolve(name)
	if err == nil && !plan.OwnPath(target) {
		err = errors.New("the link leads to what is not one of the project's own files")
	}
	if err != nil {
		return "", nil, nil, problem.New("path", "%v", err).At(name, 0).
			WithFix("put a file in the place of the link, or make the change by hand")
	}
	now, data, err = d.read(target)
	if err != nil {
		return "", nil, nil, refusal(name, err)
	}
	if err := d.checkFolder(path.Dir(target)); err != nil {
		return "", nil, nil, err
	}
	if now == nil {
		return target, nil, nil, nil
	}
	readOnly := problem.New("read-only", "the file is read-only").At(name, 0)
	switch {
	case now.Mode&0o200 == 0:
		// Also for root, who could write it: its owner has said not to.
		return "", nil, nil, readOnly.WithFix("chmod u+w %s", name)
	case writable(filepath.Join(d.base, filepath.FromSlash(target))) != nil:
		return "", nil, nil, readOnly.WithFix("run authfit as the file's owner")
	case !mayGive(now.UID):
		return "", nil, nil, problem.New("owner", "the file belongs to another user, and would not any more").At(name, 0).
			WithFix("run authfit as the file's owner")
	}
	return target, now, data, nil
}

// checkFolder says whether files can be made in the folder, or in the nearest
// one above it that is there.
func (d *disk) checkFolder(name string) error {
	info, err := d.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && name != "." {
		return d.checkFolder(path.Dir(name))
	}
	if err != nil {
		return refusal(name, err)
	}
	if !info.IsDir() {
		return problem.New("path", "this is not a folder").At(name, 0)
	}
	may := writable(filepath.Join(d.base, filepath.FromSlash(name)))
	if errors.Is(may, syscall.EROFS) {
		return about(name, may)
	}
	if info.Mode()&0o200 == 0 || may != nil {
		return problem.New("read-only", "the folder is read-only").At(name, 0).WithFix("chmod u+w %s", name)
	}
	return nil
}

// prepareFolders notes the folders that have to be made, outer ones first.
func (d *disk) prepareFolders(p *prepared, dir string) error {
	var missing []string
	for ; dir != "."; dir = path.Dir(dir) {
		there, err := d.exists(dir)
		if err != nil {
			return refusal(dir, err)
		}
		if there || slices.Contains(p.journal.Folders, dir) {
			break
		}
		missing = append(missing, dir)
	}
	slices.Reverse(missing)
	p.journal.Folders = append(p.journal.Folders, missing...)
	return nil
}

// prepareEnv makes the values of the keys that are not there yet.
func (d *disk) prepareEnv(o Options, p *prepared) error {
	var files []string
	for _, k := range o.Plan.Env {
		if !slices.Contains(files, k.File) {
			files = append(files, k.File)
		}
	}
	for _, file := range files {
		target, now, data, err := d.look(file)
		if err != nil {
			return err
		}
		if err := p.twice(file, target); err != nil {
			return err
		}
		pairs, err := missingKeys(o, file, edit.ParseEnv(data))
		if err != nil {
			return err
		}
		edits, err := edit.AppendEnv(data, envComment, pairs)
		var prob *problem.Problem
		if errors.As(err, &prob) {
			return prob.At(file, prob.Line)
		}
		if err != nil {
			return refusal(file, err)
		}
		if len(edits) == 0 {
			continue
		}
		after, err := edit.Apply(data, edits...)
		if err != nil {
			return refusal(file, err)
		}
		e := &envEntry{Path: file, Target: target, Before: now, After: sum(after), Lines: edit.AddedLines(data, edits)}
		for _, pair := range pairs {
			e.Keys = append(e.Keys, pair.Key)
		}
		p.journal.Env = append(p.journal.Env, e)
		p.writes = append(p.writes, write{file, target, now, after, 0o600, nil})
		if err := d.prepareFolders(p, path.Dir(target)); err != nil {
			return err
		}
	}
	return nil
}

// missingKeys are the plan's keys for a file that it does not have.
func missingKeys(o Options, file string, env *edit.EnvFile) ([]edit.Pair, error) {
	var pairs []edit.Pair
	for _, k := range o.Plan.Env {
		if k.File != file {
			continue
		}
		if _, _, there := env.Get(k.Key); there {
			continue
		}
		v, err := value(o, k)
		if err != nil {
			return nil, problem.New("env-value", "there is no value for %s: %v", k.Key, err).At(file, 0)
		}
		pairs = append(pairs, edit.Pair{Key: k.Key, Value: v})
	}
	return pairs, nil
}

// value makes the value of a key.
func value(o Options, k plan.EnvKey) (string, error) {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	switch k.Source {
	case plan.EnvLiteral:
		return k.Value, nil
	case plan.EnvFernet:
		return base64.URLEncoding.EncodeToString(random), nil
	case plan.EnvSecret:
		return hex.EncodeToString(random), nil
	}
	if o.Values == nil {
		return "", fmt.Errorf("nobody knows values of the source %q", k.Source)
	}
	return o.Values(k)
}

// prepareEnvironment notes how the Python environment was.
func (d *disk) prepareEnvironment(o Options, p *prepared) error {
	if len(o.Plan.Commands) == 0 {
		return nil
	}
	for _, dir := range o.Environment.Folders {
		if !fs.ValidPath(dir) || dir == "." {
			continue // outside of the project, so not ours to remove
		}
		there, err := d.exists(dir)
		if err != nil {
			return refusal(dir, err)
		}
		if !there {
			p.journal.EnvDirs = append(p.journal.EnvDirs, dir)
		}
	}
	if o.Environment.Packages == nil {
		return nil
	}
	before, err := o.Environment.Packages()
	if err != nil {
		return refusal("", fmt.Errorf("what is installed cannot be listed: %w", err))
	}
	p.journal.Packages = &packages{Before: before}
	if o.Environment.Entries == nil {
		return nil
	}
	if p.journal.Packages.Entries, err = o.Environment.Entries(); err != nil {
		return refusal("", fmt.Errorf("what is installed cannot be listed: %w", err))
	}
	return nil
}

// listed is a Problem that names files, each with a line about it, or nil where
// there are none.
func listed(files map[string]string, code, summary, fix string) error {
	if len(files) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(files))
	p := problem.New(code, "%s", summary).WithFix("%s", fix)
	if len(names) == 1 {
		p = p.At(names[0], 0)
	}
	var lines []string
	for _, n := range names {
		lines = append(lines, files[n])
	}
	return p.WithDetail("%s", strings.Join(lines, "\n"))
}
