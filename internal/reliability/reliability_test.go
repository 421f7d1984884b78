package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"authfit/internal/cli"
)

// selfVar has this test's program be authfit.
const selfVar = "AUTHFIT_RELIABILITY_SELF"

func TestMain(m *testing.M) {
	if os.Getenv(selfVar) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestKills is a short form of `make reliability`: authfit is killed at random
// instants, and the next start puts everything right.
func TestKills(t *testing.T) {
	p, err := newProject("../../examples/flask", filepath.Join(t.TempDir(), "project"), []string{os.Args[0]}, []string{selfVar + "=1"})
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	add, undo, err := p.kills(40, rand.New(rand.NewPCG(seed, 0)), func(int) {})
	t.Logf("seed %d: add %+v, undo %+v", seed, add, undo)
	if err != nil {
		t.Fatal(err)
	}
	if add.ended+undo.ended == add.runs+undo.runs {
		t.Error("no run was killed, so that nothing was seen")
	}
}

// TestAuthKitKills is a short form of what `make reliability` does to the local
// AuthKit: it is killed under load, and everything that it has answered is there
// at its next start.
func TestAuthKitKills(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	argv, env := []string{os.Args[0]}, []string{selfVar + "=1"}
	promised, looked, err := stateKills(argv, env, filepath.Join(t.TempDir(), "state.db"), 8, rand.New(rand.NewPCG(seed, 0)), func(int) {})
	t.Logf("seed %d: %d promised, %d looked for", seed, promised, looked)
	if err != nil {
		t.Fatal(err)
	}
	if promised == 0 || looked == 0 {
		t.Error("nothing was promised, so that nothing was seen")
	}
}

// TestAuthKitSoak loads it for two seconds, and it ends by itself.
func TestAuthKitSoak(t *testing.T) {
	a, err := startAuthKit([]string{os.Args[0]}, []string{selfVar + "=1"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.soak(64, 2*time.Second)
	if err := errors.Join(err, a.stop()); err != nil {
		t.Fatal(err)
	}
	if s.logins == 0 || s.slow == 0 || s.huge == 0 {
		t.Errorf("nothing was seen: %+v", s)
	}
}
