package git

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
)

// A Commit is one that was made. Branch is empty where HEAD is on none; Files
// are relative to the Repo's folder.
type Commit struct {
	ID     string   `json:"id"`
	Branch string   `json:"branch"`
	Files  []string `json:"files"`
}

// A head is where HEAD is: on a branch, whose name in full is ref, or on none;
// id is the commit, empty on a branch that has none yet.
type head struct{ ref, id string }

// Commit makes one commit of exactly the files, on a new branch where one is
// named. What else is staged stays staged and is not in it. What git and the
// owner's hooks write goes to out. Without a Commit, the error (a *Error) says why,
// and branch and index are as they were; files that a hook has changed are the
// caller's to put back. Beside one, it says what of the index is not as it
// should be.
func (r *Repo) Commit(ctx context.Context, branch, message string, files []string, out io.Writer) (*Commit, error) {
	before, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	// Whether the commit is there decides, and not how git ended: it may have been
	// interrupted when all was done.
	err = r.attempt(ctx, before, branch, message, files, out)
	ctx = context.WithoutCancel(ctx)
	now, herr := r.head(ctx)
	if err == nil {
		err = herr
	} else if herr == nil && r.has(ctx, before, now, files) {
		err = nil
	}
	if err != nil {
		return nil, errors.Join(err, r.takeBack(ctx, before, files))
	}
	return &Commit{ID: now.id, Branch: strings.TrimPrefix(now.ref, "refs/heads/"), Files: files}, r.unstage(ctx, files)
}

func (r *Repo) head(ctx context.Context) (head, error) {
	ref, err := r.ask(ctx, "symbolic-ref", "-q", "HEAD")
	if err != nil && exitCode(err) != 1 { // 1: on no branch
		return head{}, err
	}
	id, err := r.ask(ctx, "rev-parse", "-q", "--verify", "HEAD")
	if err != nil && exitCode(err) != 1 { // 1: no commit yet
		return head{}, err
	}
	return head{strings.TrimSpace(ref), strings.TrimSpace(id)}, nil
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

// attempt makes the branch and the commit.
func (r *Repo) attempt(ctx context.Context, at head, branch, message string, files []string, out io.Writer) error {
	if branch != "" {
		if err := r.branch(ctx, at, branch); err != nil {
			return err
		}
	}
	// `git commit FILE` wants to know the file; what is in it is not added by this.
	if _, err := r.ask(ctx, append([]string{"add", "--intent-to-add", "--"}, files...)...); err != nil {
		return err
	}
	args := []string{"commit", "--quiet", "--only", "--file=-", "--"}
	for _, file := range files {
		// --literal-pathspecs would hold for the hooks, too, and what they ask git.
		args = append(args, ":(literal)"+file)
	}
	cmd := r.command(ctx, args...)
	cmd.Stdin = strings.NewReader(message)
	said := &tail{out: out}
	cmd.Stdout, cmd.Stderr = said, said
	end := group(cmd)
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		end()
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) { // that is a hook's child that holds our pipe
		return &Error{Args: args, Said: strings.TrimSpace(string(said.last)), Err: err}
	}
	return nil
}

// branch makes a branch where HEAD is and puts HEAD on it. Nothing is checked
// out: index and work tree stay as they are.
func (r *Repo) branch(ctx context.Context, at head, name string) error {
	ref := "refs/heads/" + name
	if at.id != "" {
		none := strings.Repeat("0", len(at.id)) // it must not be there
		if _, err := r.ask(ctx, "update-ref", "-m", "branch: Created from HEAD", ref, at.id, none); err != nil {
			return err
		}
	}
	// In these words, `git switch -` finds the way back.
	_, err := r.ask(ctx, "symbolic-ref", "-m", "checkout: moving from "+short(at)+" to "+name, "HEAD", ref)
	if err != nil && at.id != "" {
		_, gone := r.ask(context.WithoutCancel(ctx), "update-ref", "-d", ref, at.id)
		err = errors.Join(err, gone)
	}
	return err
}

// has says whether there is a new commit with the files as they are.
func (r *Repo) has(ctx context.Context, before, now head, files []string) bool {
	if now.id == before.id {
		return false
	}
	_, err := r.ask(ctx, append([]string{"diff", "--no-ext-diff", "--quiet", "HEAD", "--"}, files...)...)
	return err == nil
}

// takeBack puts HEAD, the branch that it was put on, and the files' place in
// the index back. A commit that somebody else, such as a hook, has made stays.
func (r *Repo) takeBack(ctx context.Context, before head, files []string) error {
	now, err := r.head(ctx)
	if err != nil {
		return err
	}
	var errs []error
	do := func(args ...string) {
		_, err := r.ask(ctx, args...)
		errs = append(errs, err)
	}
	if now.ref != before.ref {
		moved := "checkout: moving from " + short(now) + " to " + short(before)
		if before.ref != "" {
			do("symbolic-ref", "-m", moved, "HEAD", before.ref)
		} else {
			do("update-ref", "--no-deref", "-m", moved, "HEAD", before.id)
		}
		if now.id != "" {
			do("update-ref", "-d", now.ref, before.id)
		}
	}
	return errors.Join(append(errs, r.unstage(ctx, files))...)
}

// short is the name of the branch, or the commit where there is none.
func short(h head) string {
	if h.ref == "" {
		return h.id
	}
	return strings.TrimPrefix(h.ref, "refs/heads/")
}

// unstage has the files in the index as HEAD has them: so they were before, and
// so they are after a commit, though a hook has added what it made of them.
func (r *Repo) unstage(ctx context.Context, files []string) error {
	_, err := r.ask(ctx, append([]string{"reset", "--quiet", "--"}, files...)...)
	return err
}
