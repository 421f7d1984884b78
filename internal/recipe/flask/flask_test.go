package flask

import (
	"testing"

	"authfit/internal/recipe/authkit/authkittest"
)

func TestDraft(t *testing.T) { authkittest.Golden(t, Recipe{}) }

func TestEmbedded(t *testing.T) {
	authkittest.Embedded(t, map[string][]byte{"files/workos_auth.py": AuthModule, "files/workos_flask_login.py": LoginModule})
}
