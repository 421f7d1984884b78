package vanilla

import (
	"testing"

	"authfit/internal/plan"
	"authfit/internal/recipe/authkit/authkittest"
)

func TestDraft(t *testing.T) {
	authkittest.Golden(t, Recipe{
		AuthModule: []byte("from workos_authkit import AuthKit\n"),
		Login:      func(dir, run, prefix string) *plan.Login { return &plan.Login{Dir: dir, LoginURL: prefix + "/login"} },
	})
}

func TestEmbedded(t *testing.T) {
	authkittest.Embedded(t, map[string][]byte{"files/server.py": server})
}
