package django

import (
	"testing"

	"authfit/internal/recipe/authkit/authkittest"
)

func TestDraft(t *testing.T) { authkittest.Golden(t, Recipe{}) }

func TestEmbedded(t *testing.T) {
	authkittest.Embedded(t, map[string][]byte{"files/auth_views.py": authViews})
}
