package txn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
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
	// CommandsDone says that the After of files changed by commands, and that of
	// the packages, are known.
	CommandsDone bool `json:"commands_done"`

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

// packages are the versions by name before and after the commands.
type packages struct {
	Before map[string]string `json:"before"`
	After  map[string]string `json:"after"`
}

// begin writes the backups and then the journal, all synced: from here on a
// crash is rolled back.
func (d *disk) begin(j *journal, backups map[*fileEntry][]byte) error {
	old, err := d.list(journals)
	if err != nil {
		return err
	}
	n := 1
	if len(old) > 0 {
		if _, err := fmt.Sscanf(old[len(old)-1], "%d", &n); err != nil {
			return err
		}
		n++
	}
	j.dir = path.Join(journals, fmt.Sprintf("%06d", n))
	if err := d.mkdir(journals, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.mkdir(j.dir, 0o700); err != nil {
		return err
	}
	for i, e := range j.Files {
		if e.Before == nil {
			continue
		}
		e.Backup = fmt.Sprintf("%04d", i)
		if err := d.write(path.Join(j.dir, e.Backup), backups[e]); err != nil {
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

// save puts the journal's present form on the disk, at once and synced.
func (d *disk) save(j *journal) error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return d.replace(path.Join(j.dir, "journal.json"), append(text, '\n'), nil, 0o600)
}

// discard takes a journal away, journal.json first.
func (d *disk) discard(j *journal) error {
	if j.dir == "" {
		return nil // begin did not come that far
	}
	file := path.Join(j.dir, "journal.json")
	if err := d.remove(file); err != nil {
		return err
	}
	if there, err := d.exists(j.dir); !there || err != nil {
		return err
	}
	if err := d.syncDir(j.dir); err != nil {
		return err
	}
	return d.removeAll(j.dir)
}

// load reads the journals, the oldest first. Folders without a journal.json,
// begun before or after anything happened, are the second result.
func (d *disk) load() (all []*journal, empty []string, err error) {
	names, err := d.list(journals)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range names {
		dir := path.Join(journals, n)
		file := path.Join(dir, "journal.json")
		text, err := d.root.ReadFile(file)
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

// parseJournal reads and checks a journal, which somebody may have written to
// lead us out of the project.
func parseJournal(text []byte) (*journal, error) {
	j := &journal{}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(j); err != nil {
		return nil, err
	}
	if j.Schema != Schema {
		return nil, fmt.Errorf("its schema is %q, wanted is %q", j.Schema, Schema)
	}
	if !slices.Contains([]phase{begun, applied, undoing}, j.Phase) {
		return nil, fmt.Errorf("its state %q is not known", j.Phase)
	}
	names := slices.Concat(j.Folders, j.EnvDirs)
	for _, e := range j.Files {
		if e == nil {
			return nil, errors.New("a file is null")
		}
		names = append(names, e.Path, e.Target)
		if (e.Before == nil) != (e.Backup == "") || strings.ContainsAny(e.Backup, "./\\") {
			return nil, fmt.Errorf("the backup %q of %s is not one", e.Backup, e.Path)
		}
	}
	for _, e := range j.Env {
		if e == nil {
			return nil, errors.New("an environment file is null")
		}
		names = append(names, e.Path, e.Target)
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
