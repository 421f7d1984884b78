package txn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"authfit/internal/plan"
	"authfit/internal/problem"
)

// Schema names the JSON form of a journal.
const Schema = "authfit.journal/1"

// A phase is how far a journal has come. A journal that has been rolled back or
// undone is gone: its folder without journal.json means nothing.
type phase string

const (
	begun   phase = "begun"   // the project is being changed: roll back
	applied phase = "applied" // the project is as planned
	undoing phase = "undoing" // this journal and all newer ones are being taken back: go on
)

// A journal is how the project was before a plan was applied, and what has been
// done to it. Beside it, in its folder, are the backups. It holds no secret: of
// environment files it has the names of the keys and the sums of the lines.
type journal struct {
	Schema   string       `json:"schema"`
	Phase    phase        `json:"state"`
	Began    time.Time    `json:"began"`
	Files    []*fileEntry `json:"files"`
	Env      []*envEntry  `json:"env"`
	Folders  []string     `json:"folders"`     // made for files, outer ones first
	EnvDirs  []string     `json:"environment"` // folders the commands may make, none of them there before
	Packages *packages    `json:"packages,omitempty"`
	Commands [][]string   `json:"commands"` // their arguments, in the order in which they run
	// CommandsDone says that the After of files changed by commands, and that of
	// the packages, are known.
	CommandsDone bool `json:"commands_done"`
	// Commit is the commit of git in which the run's files are, if one was made.
	Commit string `json:"commit,omitempty"`
	// Mark is the file by which a journal is known to be of this folder.
	Mark string `json:"mark"`

	dir string // its folder
}

// A fileEntry is one file with its bytes in a backup.
type fileEntry struct {
	Path    string `json:"path"`             // as the plan names it
	Target  string `json:"target"`           // the same with links followed
	Command bool   `json:"command"`          // changed by the commands, not by us
	Before  *state `json:"before"`           // nil: it was not there
	After   *state `json:"after"`            // nil: it is not there, or not known yet
	Backup  string `json:"backup,omitempty"` // in the journal's folder
	Left    string `json:"left,omitempty"`   // the bytes of After, in the journal's folder, for a merge
	// Kept says that an undo leaves the file as it is, and Merge that it takes
	// only our change out of one that has been edited since.
	Kept  bool   `json:"kept,omitempty"`
	Merge *merge `json:"merge,omitempty"`

	written bool // by us, in this process
}

// An envEntry is one environment file, to whose end lines are added.
type envEntry struct {
	Path   string   `json:"path"`
	Target string   `json:"target"`
	Before *state   `json:"before"` // nil: it was not there
	After  string   `json:"sha256_after"`
	Keys   []string `json:"keys"`
	Lines  []string `json:"lines"` // SHA-256 of each added line
}

// names are those of all files and folders that the run may have made, changed
// or removed.
func (j *journal) names() []string {
	names := slices.Concat(j.Folders, j.EnvDirs)
	for _, e := range j.Files {
		names = append(names, e.Target)
	}
	for _, e := range j.Env {
		names = append(names, e.Target)
	}
	return names
}

// backup is where the bytes from before lie; empty where there were none.
func (e *fileEntry) backup(j *journal) string {
	if e.Backup == "" {
		return ""
	}
	return path.Join(j.dir, e.Backup)
}

// changed says whether the file may have been changed by the run: by a command
// that did not leave it as it was, or by us, who write once the commands are
// done. A file that was not is none of ours to take back.
func (e *fileEntry) changed(j *journal) bool {
	if e.Command {
		return !j.CommandsDone || !sameContent(e.Before, e.After)
	}
	return j.CommandsDone
}

// packages are the versions by name before and after the commands.
type packages struct {
	Before map[string]string `json:"before"`
	After  map[string]string `json:"after"`
	// Entries is what lay before the commands where packages put their files;
	// none where that is not known.
	Entries []string `json:"entries,omitempty"`
	// EntriesAfter is the same after them.
	EntriesAfter []string `json:"entries_after,omitempty"`
}

// begin writes the backups and then the journal, all synced: from here on a
// crash is rolled back.
func (d *disk) begin(p *prepared) error {
	j := p.journal
	old, err := d.journalDirs()
	if err != nil {
		return err
	}
	n := 0
	if len(old) > 0 {
		n, _ = strconv.Atoi(path.Base(old[len(old)-1])) // digits only
	}
	j.dir = path.Join(journals, fmt.Sprintf("%06d", n+1))
	if err := d.mkdir(journals, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.mkdir(j.dir, 0o700); err != nil {
		return err
	}
	if err := d.mark(j); err != nil {
		return err
	}
	for i, e := range j.Files {
		if e.Before == nil {
			continue
		}
		e.Backup = fmt.Sprintf("%04d", i)
		if err := d.write(path.Join(j.dir, e.Backup), p.backups[e]); err != nil {
			return err
		}
	}
	for _, w := range p.writes {
		if w.entry == nil {
			continue // an environment file, whose bytes are in no backup
		}
		if err := d.writeLeft(j, w.entry, w.after); err != nil {
			return err
		}
	}
	if err := d.save(j); err != nil {
		return err
	}
	for _, dir := range []string{journals, home, "."} {
		if err := d.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// writeLeft keeps what a run makes of a file. A new file needs none: once it is
// edited, it is the user's as a whole.
func (d *disk) writeLeft(j *journal, e *fileEntry, after []byte) error {
	if e.Before == nil {
		return nil
	}
	e.Left = e.Backup + "-left"
	return d.write(path.Join(j.dir, e.Left), after)
}

// save puts the journal's present form on the disk, at once and synced.
func (d *disk) save(j *journal) error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return d.replace(path.Join(j.dir, "journal.json"), append(text, '\n'), nil, 0o600)
}

// saveUnless is save, unless the disk has the journal in this phase already:
// where there is no room, it cannot be written again.
func (d *disk) saveUnless(j *journal) error {
	text, err := d.root.ReadFile(path.Join(j.dir, "journal.json"))
	if err == nil {
		if old, err := parseJournal(text); err == nil && old.Phase == j.Phase {
			return nil
		}
	}
	return d.save(j)
}

// discard takes a journal away, journal.json first, once what was put back by it
// is there to last.
func (d *disk) discard(j *journal) error {
	if j.dir == "" {
		return nil // begin did not come that far
	}
	file := path.Join(j.dir, "journal.json")
	there, err := d.exists(file)
	if err != nil {
		return err
	}
	if there {
		if err := d.syncNames(j.names()...); err != nil {
			return err
		}
		if err := d.remove(file); err != nil {
			return err
		}
		if err := d.syncDir(j.dir); err != nil {
			return err
		}
	}
	return d.removeAll(j.dir)
}

// load reads the journals, the oldest first. Folders without a journal.json,
// begun before or after anything happened, are the second result.
func (d *disk) load() (all []*journal, empty []string, err error) {
	if err := d.checkHome(); err != nil {
		return nil, nil, err
	}
	dirs, err := d.journalDirs()
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range dirs {
		file := path.Join(dir, "journal.json")
		text, err := d.own(file)
		if errors.Is(err, fs.ErrNotExist) {
			empty = append(empty, dir)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		j, err := parseJournal(text)
		if err != nil {
			return nil, nil, problem.New("journal", "the journal cannot be read: %v", err).At(file, 0).
				WithFix("the files as they were before lie beside it; put them back by hand and remove %s", home)
		}
		j.dir = dir
		all = append(all, j)
	}
	return all, empty, nil
}

// journalDirs are the folders of the journals, the oldest first. What else lies
// beside them, such as what a file manager leaves, is not ours.
func (d *disk) journalDirs() ([]string, error) {
	names, err := d.list(journals)
	dirs := []string{}
	for _, n := range names {
		if len(n) == 6 && strings.Trim(n, "0123456789") == "" {
			dirs = append(dirs, path.Join(journals, n))
		}
	}
	return dirs, err
}

// parseJournal reads and checks a journal, which somebody may have written to
// lead us out of the project.
func parseJournal(text []byte) (*journal, error) {
	j := &journal{}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(j); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind its end")
	}
	if j.Schema != Schema {
		return nil, fmt.Errorf("its schema is %q, wanted is %q", j.Schema, Schema)
	}
	if !slices.Contains([]phase{begun, applied, undoing}, j.Phase) {
		return nil, fmt.Errorf("its state %q is not known", j.Phase)
	}
	if j.Commit != "" && !isCommit(j.Commit) {
		return nil, fmt.Errorf("%q is not a commit", j.Commit)
	}
	names := slices.Concat(j.Folders, j.EnvDirs)
	for _, e := range j.Files {
		if e == nil {
			return nil, errors.New("a file is null")
		}
		names = append(names, e.Path, e.Target)
		if (e.Before == nil) != (e.Backup == "") || strings.ContainsAny(e.Backup+e.Left, "./\\") || e.Left != "" && e.After == nil {
			return nil, fmt.Errorf("the backups %q and %q of %s are not ones", e.Backup, e.Left, e.Path)
		}
		if e.Before.invalid() || e.After.invalid() {
			return nil, fmt.Errorf("the state of %s is not one", e.Path)
		}
	}
	for _, e := range j.Env {
		if e == nil {
			return nil, errors.New("an environment file is null")
		}
		names = append(names, e.Path, e.Target)
		if e.Before.invalid() {
			return nil, fmt.Errorf("the state of %s is not one", e.Path)
		}
	}
	for _, n := range names {
		if !plan.OwnPath(n) {
			return nil, fmt.Errorf("the path %q is not one in the project", n)
		}
	}
	return j, nil
}

// unfinished returns the journals that have to be taken back: from the oldest
// that is not applied to the newest.
func unfinished(all []*journal) []*journal {
	for i, j := range all {
		if j.Phase != applied {
			return all[i:]
		}
	}
	return nil
}
