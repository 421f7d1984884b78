package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// changing are the system calls that change files, or make changes last, as
// strace names them. openat counts where it may make, cut or write a file.
const changing = "open,openat,openat2,creat,mknod,mknodat,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2," +
	"link,linkat,symlink,symlinkat,truncate,ftruncate,fallocate,write,pwrite64,writev,pwritev,copy_file_range,sendfile," +
	"chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utime,utimes,utimensat,futimesat," +
	"setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr,fsync,fdatasync"

// A call is a system call that changes a file below the project.
type call struct {
	name   string
	path   string // relative to the project
	nth    int    // of the thread's calls of that name, as strace counts them
	asked  string // the operation of the hook that it belongs to
	failed bool
}

func (c call) String() string { return c.name + " " + c.path }

var (
	line   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	quoted = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	folder = regexp.MustCompile(`^(?:\d+|AT_FDCWD)<([^>]*)>`)
	second = regexp.MustCompile(`, \d+<([^>]*)>, "`)
	writes = regexp.MustCompile(`\bO_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)\b`)
)

// traced runs authfit below strace with more of its arguments, and returns what
// strace wrote, with the exit code and what authfit said.
func (p *project) traced(strace []string, args ...string) (trace []string, code int, said string, err error) {
	out, err := os.CreateTemp("", "authfit-trace-")
	if err != nil {
		return nil, 0, "", err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	below := append([]string{"strace", "-f", "-y", "-s", "512", "-o", out.Name()}, strace...)
	code, said = ended(p.command(below, args...))
	text, err := os.ReadFile(out.Name())
	return strings.Split(string(text), "\n"), code, said, err
}

// calls are those of the program's own thread that change files below the
// project, and the names of the operations that the hook saw. It is an error if
// another thread, or another program, changed a file there.
func (p *project) calls(trace []string) (calls []call, operations []string, err error) {
	thread, asked := "", ""
	counts := map[string]int{}
	for _, text := range trace {
		m := line.FindStringSubmatch(text)
		if m == nil || strings.Contains(text, "resumed>") {
			continue
		}
		if thread == "" {
			thread = m[1]
		}
		own := m[1] == thread
		if own {
			counts[m[2]]++
		}
		if m[2] == "write" && strings.HasPrefix(m[3], "-1, ") {
			asked = quoted.FindStringSubmatch(m[3])[1]
			operations = append(operations, asked)
			continue
		}
		name := p.changed(m[2], m[3])
		if name == "" {
			continue
		}
		if !own {
			return nil, nil, fmt.Errorf("another thread did this: %s", text)
		}
		calls = append(calls, call{m[2], name, counts[m[2]], asked, strings.Contains(m[3], ") = -1")})
	}
	return calls, operations, nil
}

// changed is the file below the project that a call changes; empty if none.
func (p *project) changed(name, args string) string {
	if strings.HasPrefix(name, "open") && !writes.MatchString(args) {
		return ""
	}
	path := ""
	if m := folder.FindStringSubmatch(args); m != nil {
		path = m[1]
	}
	names := quoted.FindAllStringSubmatch(args, -1)
	switch name {
	case "write", "pwrite64", "writev", "pwritev", "setxattr", "fsetxattr":
		names = nil // they are bytes
	case "rename", "renameat", "renameat2", "link", "linkat":
		if m := second.FindStringSubmatch(args); m != nil {
			path = m[1]
		}
		names = names[len(names)-1:]
	}
	if len(names) > 0 {
		if full := names[0][1]; filepath.IsAbs(full) {
			path = full
		} else {
			path = filepath.Join(path, full)
		}
	}
	rel, err := filepath.Rel(p.dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return rel
}

// consists are the system calls that an operation of the hook may consist of.
var consists = map[string][]string{
	"create": {"openat"}, "write": {"write", "openat"}, "truncate": {"ftruncate"},
	"chown": {"fchown"}, "chmod": {"fchmod"}, "chtimes": {"utimensat"},
	"sync": {"fsync"}, "syncdir": {"fsync"},
	"rename": {"renameat"}, "link": {"linkat"}, "mkdir": {"mkdirat"},
	"remove": {"unlinkat"}, "removeall": {"unlinkat"},
}

// A census is how many operations the hook saw, and how many system calls they
// were.
type census struct{ operations, calls int }

// census holds the system calls of a run against what the hook saw: each call
// that changes a file below the project belongs to the operation before it, and
// each operation has its calls.
func (p *project) census(args ...string) (census, []call, error) {
	trace, code, said, err := p.traced([]string{"-e", "trace=" + changing}, args...)
	if err != nil || code != 0 {
		return census{}, nil, fmt.Errorf("%s ended with %d: %s (%w)", args[0], code, said, err)
	}
	calls, operations, err := p.calls(trace)
	if err != nil {
		return census{}, nil, err
	}
	if len(operations) == 0 {
		return census{}, nil, fmt.Errorf("%s: the hook saw nothing", args[0])
	}
	seen := map[string]bool{}
	for _, c := range calls {
		op, name, _ := strings.Cut(c.asked, " ")
		below := op == "removeall" && strings.HasPrefix(c.path, name+"/")
		if !slices.Contains(consists[op], c.name) || c.path != name && !below {
			return census{}, nil, fmt.Errorf("%s: the hook was not asked of %v; it was last asked of %q", args[0], c, c.asked)
		}
		seen[c.asked] = true
	}
	for _, op := range operations {
		if !seen[op] {
			return census{}, nil, fmt.Errorf("%s: the hook was asked of %q, and no system call did it", args[0], op)
		}
	}
	return census{len(operations), len(calls)}, calls, nil
}

// says is what authfit has to say of an error of the disk.
var says = map[string]string{
	"ENOSPC": "no space is left on the disk",
	"EIO":    "input/output error",
	"EACCES": "not permitted",
	"EROFS":  "for reading only",
}

// inject lets each system call of a run fail with each error, and kills the
// program before each; start brings the project to where the run begins.
func (p *project) inject(calls []call, start func() error, progress func(), args ...string) (faults, kills int, err error) {
	for _, c := range calls {
		for _, what := range []string{"error=ENOSPC", "error=EIO", "error=EACCES", "error=EROFS", "signal=SIGKILL"} {
			err := errOther
			for _, shift := range []int{0, 1, -1, 2, -2, 3, -3, 0, 1, -1, 2, -2, 3, -3, 0, 1, -1} {
				if !errors.Is(err, errOther) {
					break
				}
				if err := start(); err != nil {
					return faults, kills, err
				}
				shifted := c
				shifted.nth += shift
				err = p.injectOne(shifted, what, args)
			}
			if err != nil {
				return faults, kills, fmt.Errorf("%s, %s at %v (call %d): %w", args[0], what, c, c.nth, err)
			}
			if what == "signal=SIGKILL" {
				kills++
			} else {
				faults++
			}
			progress()
		}
	}
	return faults, kills, nil
}

// killAt kills a run, whose calls these are, at an operation of the hook.
func (p *project) killAt(calls []call, operation string, args []string) error {
	i := slices.IndexFunc(calls, func(c call) bool { return c.asked == operation })
	if i < 0 {
		return fmt.Errorf("%s does not come to %q", args[0], operation)
	}
	_, code, said, err := p.traced(injection(calls[i], "signal=SIGKILL"), args...)
	if err == nil && code != killed {
		err = fmt.Errorf("%s was not killed, but ended with %d: %s", args[0], code, said)
	}
	return err
}

// killed is the exit code of strace whose program has been killed: it kills
// itself, too.
const killed = -1

// injection are the arguments of strace that do something at a call.
func injection(c call, what string) []string {
	return []string{"-e", "trace=" + c.name, "-e", fmt.Sprintf("inject=%s:%s:when=%d", c.name, what, c.nth)}
}

// errOther says that the number was that of another call this time: the thread
// makes a few that it does not make every time.
var errOther = errors.New("it was another call each time")

// injectOne is one run with an error or a kill, and the next start after it.
func (p *project) injectOne(c call, what string, args []string) error {
	was, err := p.is()
	if err != nil && args[0] != "plan" { // which begins in the middle
		return err
	}
	trace, code, said, err := p.traced(injection(c, what), args...)
	if err != nil {
		return err
	}
	if what == "signal=SIGKILL" {
		if code != killed {
			return fmt.Errorf("it was not killed, but ended with %d: %s", code, said)
		}
		err = p.killedAt(c, trace)
	} else if err = p.failedWell(c, trace, code, said, strings.TrimPrefix(what, "error="), was, args); err != nil && !errors.Is(err, errOther) {
		return err
	}
	_, _, nerr := p.next(planArgs)
	return errors.Join(err, nerr)
}

// killedAt looks whether the call was the last of its kind.
func (p *project) killedAt(c call, trace []string) error {
	for _, text := range slices.Backward(trace) {
		if m := line.FindStringSubmatch(text); m != nil && m[2] == c.name {
			if p.changed(m[2], m[3]) == c.path {
				return nil
			}
			return fmt.Errorf("%w: %s", errOther, text)
		}
	}
	return errOther
}

// failedWell looks whether the run ended as it should after an error.
func (p *project) failedWell(c call, trace []string, code int, said, errno, was string, args []string) error {
	at := slices.IndexFunc(trace, func(text string) bool { return strings.Contains(text, "(INJECTED)") })
	if at < 0 {
		return fmt.Errorf("%w: none did, and it said: %s", errOther, said)
	}
	if m := line.FindStringSubmatch(trace[at]); m == nil || p.changed(m[2], m[3]) != c.path {
		return fmt.Errorf("%w: %s", errOther, trace[at])
	}
	is, err := p.is()
	done := map[string]string{"add": "after", "undo": "before", "plan": "before"}[args[0]]
	switch {
	case args[0] == "plan" && (code == 2 || code == 3):
		err = nil // the next start tries again
	case code == 0:
		if err == nil && is != done {
			err = fmt.Errorf("it said that all is well")
		}
		return err
	case code == 2 || code == 3 && strings.Contains(said, "\neverything was put back"):
		if err == nil && is != was {
			err = fmt.Errorf("it ended with %d, and the project is as %s: %s", code, is, said)
		}
	case code == 3 && args[0] == "undo" && strings.Contains(said, "not everything could be put back"):
		err = nil // the next start brings it to its end
	default:
		err = fmt.Errorf("it ended with %d: %s", code, said)
	}
	if err == nil && !strings.Contains(said, says[errno]) {
		err = fmt.Errorf("it does not say %q: %s", says[errno], said)
	}
	return err
}
