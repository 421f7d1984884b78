package project

import (
	"bytes"
	"iter"
	"path"
	"runtime"
	"sync"

	"authfit/internal/problem"
	"authfit/internal/pysyntax"
)

// Sources gives the project's own Python files (those that are not Aside) that
// contain one of the words, in the order of their names, with their trees. A
// word is looked for in the bytes; a file without any is not parsed. A file
// that cannot be read or parsed at all is left out.
func (t *Tree) Sources(words ...string) iter.Seq2[string, *pysyntax.File] {
	return func(yield func(string, *pysyntax.File) bool) {
		names := t.python()
		parsed := make([]*pysyntax.File, len(names))
		inParallel(len(names), func(i int) {
			src, err := t.Read(names[i])
			if err == nil && containsAny(src, words) {
				parsed[i], _ = t.Python(names[i])
			}
		})
		for i, f := range parsed {
			if f != nil && !yield(names[i], f) {
				return
			}
		}
	}
}

// python are the names of the project's own Python files.
func (t *Tree) python() []string {
	var own []string
	for _, name := range t.files {
		if path.Ext(name) == ".py" && !t.Aside(name) {
			own = append(own, name)
		}
	}
	return own
}

func containsAny(src []byte, words []string) bool {
	for _, w := range words {
		if bytes.Contains(src, []byte(w)) {
			return true
		}
	}
	return false
}

// inParallel calls do for 0 to n-1, on all processors.
func inParallel(n int, do func(i int)) {
	const batch = 16
	var next, mu = 0, sync.Mutex{}
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next += batch
		return next - batch
	}
	var wg crew
	for range min(runtime.GOMAXPROCS(0), n/batch+1) {
		wg.Go(func() {
			for from := take(); from < n; from = take() {
				for i := from; i < min(from+batch, n); i++ {
					do(i)
				}
			}
		})
	}
	wg.Wait()
}

// A crew is a WaitGroup that waits for those that fail, too: Wait passes their
// panic on.
type crew struct {
	sync.WaitGroup
	once  sync.Once
	crash *problem.Crash
}

// Go calls f in a goroutine of its own.
func (c *crew) Go(f func()) {
	c.WaitGroup.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				crash := problem.Caught(v)
				c.once.Do(func() { c.crash = crash })
			}
		}()
		f()
	})
}

// Wait waits for all of them.
func (c *crew) Wait() {
	c.WaitGroup.Wait()
	if c.crash != nil {
		panic(c.crash)
	}
}
