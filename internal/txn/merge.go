package txn

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/pysyntax"
)

// A merge takes our change out of a file that has been edited since: From and To
// are the SHA-256 sums of it before and after that. They are in the journal
// before the first file is put back, so that after a crash a file that has been
// merged is known from one that has not.
type merge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// lock says that the file is one which only a package manager can change: taking
// lines out of it would leave packages that nothing wants, or take some that
// another needs by now.
func (e *fileEntry) lock() bool { return e.Command && strings.HasSuffix(e.Path, ".lock") }

// marked says that an undo keeps or merges a file of the journal.
func (j *journal) marked() bool {
	return slices.ContainsFunc(j.Files, func(e *fileEntry) bool { return e.Kept || e.Merge != nil })
}

// keepsCommands says that what the package manager did stays.
func (j *journal) keepsCommands() bool {
	return slices.ContainsFunc(j.Files, func(e *fileEntry) bool { return e.Kept && e.Command })
}

// content is a file as it is at some point of an undo; without a state it is not
// there.
type content struct {
	*state
	data []byte
}

// settle decides, before the first change, what becomes of every file when the
// journals are taken back, the newest first: it is put back, our change is taken
// out of what the user has made of it (Merge), or it stays (Kept). Without
// partial no file may stay. What would fail half way is refused too: folders
// that cannot be written, backups that are damaged.
func (d *disk) settle(chosen []*journal, partial bool) error {
	s := settling{d, partial, map[string]*content{}, map[string]bool{}, map[string]string{}}
	resumed := chosen[0].Phase == undoing
	for _, j := range slices.Backward(chosen) {
		if !resumed {
			for _, e := range j.Files {
				e.Kept, e.Merge = false, nil
			}
		}
		if err := s.journal(j); err != nil {
			return err
		}
		for _, e := range j.Env {
			if _, _, err := d.read(e.Target); err != nil {
				return refusal(e.Path, err)
			}
		}
	}
	if partial {
		return nil
	}
	return listed(s.edited, "edited", "files have been edited since where authfit changed them, or are gone, so nothing was undone",
		"say --partial: these stay as they are, and the rest is undone; or save your version elsewhere, put the one from before in its place (a new file has none), run authfit undo again, and bring your changes back")
}

// settling is the state of settle: by target what is in the files and which
// stay, and by path what is said of those.
type settling struct {
	d *disk
	// partial says that what cannot be read may stay, too.
	partial bool
	now     map[string]*content
	kept    map[string]bool
	edited  map[string]string
}

func (s *settling) journal(j *journal) error {
	var entries []*fileEntry
	for _, e := range j.Files {
		if e.changed(j) {
			entries = append(entries, e)
		}
	}
	next := map[*fileEntry]*content{}
	commands := false // whether one of the package manager's files stays, and so all do
	for _, e := range entries {
		if e.Kept { // decided before a crash
			s.keep(e)
			continue
		}
		c, err := s.after(j, e)
		if err != nil {
			return err
		}
		if c == nil {
			s.edited[e.Path] = e.Path
			if e.Before != nil {
				s.edited[e.Path] += " (as it was before: " + e.backup(j) + ")"
			}
			s.keep(e)
			commands = commands || e.Command
		}
		next[e] = c
	}
	for _, e := range entries {
		if commands && e.Command {
			s.keep(e)
		} else if c := next[e]; c != nil {
			s.now[e.Target] = c
		}
	}
	return nil
}

// keep has a file stay as it is, also for older journals.
func (s *settling) keep(e *fileEntry) {
	e.Kept, e.Merge = true, nil
	s.kept[e.Target] = true
}

// after is what taking an entry back makes of its file; nil where the file has
// to stay.
func (s *settling) after(j *journal, e *fileEntry) (*content, error) {
	if s.kept[e.Target] {
		return nil, nil
	}
	now := s.now[e.Target]
	if now == nil {
		st, data, err := s.d.read(e.Target)
		if err != nil && s.partial {
			return nil, nil
		}
		if err != nil {
			return nil, refusal(e.Path, err)
		}
		now = &content{st, data}
	}
	switch {
	case sameContent(now.state, e.Before), e.Merge != nil && now.state != nil && now.SHA256 == e.Merge.To:
		return now, nil
	}
	if err := s.d.checkFolder(path.Dir(e.Target)); err != nil {
		return nil, err
	}
	var before []byte
	if e.Before != nil {
		var err error
		if before, err = s.d.before(j, e); err != nil {
			return nil, refusal(e.Path, err)
		}
	}
	if e.left(j, now.state) {
		return &content{e.Before, before}, nil
	}
	rest, err := s.d.takeOut(j, e, now)
	if err != nil || rest == nil {
		return nil, refusal(e.Path, err)
	}
	e.Merge = &merge{now.SHA256, rest.SHA256}
	return rest, nil
}

// takeOut is what the user has made of a file without our change of it; nil
// where the two touch, or cannot be told apart.
func (d *disk) takeOut(j *journal, e *fileEntry, now *content) (*content, error) {
	if now.state == nil || e.Before == nil || e.Left == "" {
		return nil, nil
	}
	before, err := d.before(j, e)
	if err != nil {
		return nil, err
	}
	left, err := d.root.ReadFile(path.Join(j.dir, e.Left))
	if err == nil && sum(left) != e.After.SHA256 {
		err = errors.New("what authfit made of it, in the journal, is damaged")
	}
	if err != nil {
		return nil, err
	}
	rest, ok := edit.Merge(left, before, now.data)
	if !ok || strings.HasSuffix(e.Target, ".py") && parses(now.data) && !parses(rest) {
		return nil, nil
	}
	st := *now.state
	st.SHA256, st.Size = sum(rest), int64(len(rest))
	return &content{&st, rest}, nil
}

func parses(src []byte) bool {
	_, err := pysyntax.Parse(src)
	return err == nil
}

// revertMerged takes our change out of a file, unless that is done already.
func (d *disk) revertMerged(o Options, j *journal, e *fileEntry, now *state, data []byte, r *Result) error {
	if now.SHA256 == e.Merge.To {
		return nil
	}
	if now.SHA256 != e.Merge.From {
		return errEdited
	}
	rest, err := d.takeOut(j, e, &content{now, data})
	if err != nil {
		return err
	}
	if rest == nil {
		return errEdited
	}
	o.tell("taking our change out of " + e.Path)
	r.Files = append(r.Files, e.Path)
	r.Notes = append(r.Notes, fmt.Sprintf("%s has been edited since; your changes of it stay", e.Path))
	return d.replace(e.Target, rest.data, &state{Mode: now.Mode, UID: now.UID, GID: now.GID}, 0)
}
