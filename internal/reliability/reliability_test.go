package main

import (
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
