package flask

import (
	"testing"

	"authfit/internal/recipe/authkit/authkittest"
)

func TestDraft(t *testing.T) { authkittest.Golden(t, Recipe{}) }

func TestProtect(t *testing.T) { authkittest.Protect(t, Recipe{}) }

func TestProtectAll(t *testing.T) { authkittest.ProtectAll(t, Recipe{}) }

func FuzzProtect(f *testing.F) { authkittest.FuzzProtect(f, Recipe{}) }

func TestEmbedded(t *testing.T) {
	authkittest.Embedded(t, map[string][]byte{"files/workos_auth.py": AuthModule, "files/workos_flask_login.py": LoginModule})
}
