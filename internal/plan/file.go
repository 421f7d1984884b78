package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"authfit/internal/edit"
	"authfit/internal/mask"
)

// Sum is the SHA-256 of a file's bytes as a Plan has it, in hex.
func Sum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// NewFile is the change of the file at path by edits: path is relative to the
// project, with slashes, and before are the file's bytes, nil for a file that
// is made anew. Why is left to the caller. Edits that overlap are an error.
func NewFile(path string, before []byte, edits []edit.Edit) (File, error) {
	after, err := edit.Apply(before, edits...)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	f := File{
		Path:        path,
		Action:      Create,
		SHA256After: Sum(after),
		Edits:       edits,
		Diff:        diff(path, before, after),
	}
	if before != nil {
		f.Action = Modify
		f.SHA256Before = Sum(before)
	}
	return f, nil
}

// diff is the change of a file as a plan shows it, without the secrets that
// stand beside it.
func diff(path string, before, after []byte) string {
	text := edit.Unified(path, before, after)
	if before == nil {
		return text
	}
	return mask.Diff(text, string(before), string(after))
}

// CreateFile is a new file with the given content.
func CreateFile(path string, content []byte) File {
	f, err := NewFile(path, nil, []edit.Edit{{New: string(content)}})
	if err != nil {
		panic(err) // one insertion into nothing cannot overlap
	}
	return f
}

// Apply returns the bytes of the file after its edits. It is an error when
// before (nil for a created file) is not what the plan was made for, or the
// result is not the planned one, or not what Diff shows: a plan is read by its
// diffs, so they have to be true.
func (f File) Apply(before []byte) ([]byte, error) {
	if f.Action == Modify && Sum(before) != f.SHA256Before {
		return nil, fmt.Errorf("%s: the file is not the one that the plan was made for", f.Path)
	}
	after, err := edit.Apply(before, f.Edits...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if Sum(after) != f.SHA256After {
		return nil, fmt.Errorf("%s: the plan's edits do not give the content that it names", f.Path)
	}
	if diff(f.Path, before, after) != f.Diff {
		return nil, fmt.Errorf("%s: the plan's diff is not that of its edits", f.Path)
	}
	return after, nil
}
