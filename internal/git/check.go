package git

import (
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"authfit/internal/problem"
)

// Ready says whether a commit can be made now, on a new branch where one is
// named. What it refuses is a *problem.Problem.
func (r *Repo) Ready(ctx context.Context, branch string) error {
	if err := r.idle(ctx); err != nil {
		return err
	}
	for _, who := range []string{"GIT_COMMITTER_IDENT", "GIT_AUTHOR_IDENT"} {
		if _, err := r.ask(ctx, "var", who); err != nil {
			return problem.New("no-identity", "git does not know who makes the commit").WithDetail("%v", err).
				WithFix("git config user.name and user.email say who, or leave --commit away")
		}
	}
	if branch != "" {
		return r.free(ctx, branch)
	}
	return nil
}

// idle refuses a repository in which something is under way.
func (r *Repo) idle(ctx context.Context) error {
	for _, s := range []struct{ file, what, fix string }{
		{"MERGE_HEAD", "a merge is under way", "end it (git merge --continue or --abort)"},
		{"rebase-merge", "a rebase is under way", "end it (git rebase --continue or --abort)"},
		{"rebase-apply", "a rebase is under way", "end it (git rebase --continue or --abort; git am --abort)"},
		{"CHERRY_PICK_HEAD", "a cherry-pick is under way", "end it (git cherry-pick --continue or --abort)"},
		{"REVERT_HEAD", "a revert is under way", "end it (git revert --continue or --abort)"},
		{"index.lock", "another git is at work in this repository, or one was killed", "wait until it has ended, or remove the file"},
	} {
		file, err := r.ask(ctx, "rev-parse", "--git-path", s.file)
		if err != nil {
			return err
		}
		file = strings.TrimSuffix(file, "\n")
		full := file
		if !filepath.IsAbs(full) {
			full = filepath.Join(r.root, full)
		}
		if _, err := os.Lstat(full); err == nil {
			return problem.New("git-busy", "%s", s.what).WithDetail("%s is there", file).
				WithFix("%s, or leave --commit away", s.fix)
		}
	}
	return nil
}

// free refuses a name that no new branch can have.
func (r *Repo) free(ctx context.Context, branch string) error {
	// What it prints is another name where the one given stands for a branch: @{-1}.
	if out, err := r.ask(ctx, "check-ref-format", "--branch", branch); err != nil || out != branch+"\n" {
		return problem.New("branch-name", "git has no branches called %q", branch).
			WithFix("give it another name: --branch add-login")
	}
	taken := problem.New("branch-exists", "there is a branch %s already", branch).
		WithFix("give another name, or switch to that branch and say --commit")
	if at, err := r.ask(ctx, "symbolic-ref", "-q", "--short", "HEAD"); err == nil && at == branch+"\n" {
		return taken.WithDetail("it is the one you are on")
	}
	// In git's store, a branch and a folder of branches cannot have the same name.
	out, err := r.ask(ctx, "for-each-ref", "--count=1", "--format=%(refname:short)", "refs/heads/"+branch)
	if err != nil {
		return err
	}
	for up := path.Dir(branch); out == "" && up != "."; up = path.Dir(up) {
		if _, err := r.ask(ctx, "show-ref", "--verify", "--quiet", "refs/heads/"+up); err == nil {
			out = up
		}
	}
	if out = strings.TrimSuffix(out, "\n"); out != "" && out != branch {
		taken.Summary = "a branch " + branch + " cannot be made beside " + out
	}
	if out != "" {
		return taken
	}
	return nil
}

// Clean refuses files, relative to the folder and with slashes, that are not in
// git as they are now, or that a commit could not have: the rest of what is in
// them would be in it, or they would not. Each may be one that is not there yet.
func (r *Repo) Clean(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return nil
	}
	states := map[string]string{}
	for _, file := range files {
		if inner := r.inner(file); inner != "" {
			states[file] = "it is in a repository of its own, " + inner
		}
	}
	if len(states) == 0 { // git would not answer about the others
		ignored, err := r.Ignored(ctx, files)
		if err != nil {
			return err
		}
		for _, file := range ignored {
			states[file] = "git ignores it"
		}
		if err := r.hidden(ctx, files, states); err != nil {
			return err
		}
		changed, err := r.changes(ctx, "all", files)
		if err != nil {
			return err
		}
		maps.Copy(states, changed)
	}
	if len(states) == 0 {
		return nil
	}
	var lines []string
	for _, file := range slices.Sorted(maps.Keys(states)) {
		lines = append(lines, file+": "+states[file])
	}
	return problem.New("not-committed", "files that authfit would change are not in git as they are now").
		WithDetail("%s", strings.Join(lines, "\n")).
		WithFix("commit or stash your changes in them, or leave --commit away")
}

// inner is the folder of another repository in which a file lies.
func (r *Repo) inner(file string) string {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(r.root, filepath.FromSlash(dir), ".git")); err == nil {
			return dir
		}
	}
	return ""
}

// Ignored are those of the files that git would not add. Files that it has are
// never among them.
func (r *Repo) Ignored(ctx context.Context, files []string) ([]string, error) {
	if len(files) == 0 {
		return nil, nil
	}
	input := "./" + strings.Join(files, "\x00./") + "\x00" // a colon at the start would be a pattern's
	out, err := r.run(ctx, input, "check-ignore", "-z", "--stdin")
	if err != nil && exitCode(err) != 1 { // 1: none of them
		return nil, err
	}
	ignored := split(out)
	for i := range ignored {
		ignored[i] = strings.TrimPrefix(ignored[i], "./")
	}
	return ignored, nil
}

// hidden finds the files whose changes git has been told not to see.
func (r *Repo) hidden(ctx context.Context, files []string, states map[string]string) error {
	out, err := r.ask(ctx, append([]string{"ls-files", "-v", "-z", "--"}, files...)...)
	if err != nil {
		return err
	}
	for _, line := range split(out) {
		tag, file, _ := strings.Cut(line, " ")
		if strings.ToLower(tag) == tag || tag == "S" {
			states[file] = "git has been told not to look at it (git update-index --no-assume-unchanged --no-skip-worktree)"
		}
	}
	return nil
}

// changes says of the files that differ from HEAD in which way they do; files
// is a choice, or empty for all. Untracked is git's --untracked-files.
func (r *Repo) changes(ctx context.Context, untracked string, files []string) (map[string]string, error) {
	args := []string{"status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all", "--untracked-files=" + untracked, "--"}
	out, err := r.ask(ctx, append(args, files...)...)
	if err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, line := range split(out) {
		if len(line) < 4 {
			continue
		}
		file := strings.TrimPrefix(line[3:], r.prefix) // it is relative to the top, wherever we are
		switch {
		case line[:2] == "??":
			states[file] = "it is not in git"
		case line[1] == ' ':
			states[file] = "it has staged changes"
		default:
			states[file] = "it has changes"
		}
	}
	return states, nil
}

// Dirty is how many files of the whole repository that git knows have changes
// that are not committed.
func (r *Repo) Dirty(ctx context.Context) (int, error) {
	states, err := r.changes(ctx, "no", nil)
	return len(states), err
}

// split takes apart what -z joins.
func split(out string) []string {
	return slices.DeleteFunc(strings.Split(out, "\x00"), func(s string) bool { return s == "" })
}
