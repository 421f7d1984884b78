package fastapi

import (
	"testing"

	"authfit/internal/recipe/authkit/authkittest"
)

func TestDraft(t *testing.T) { authkittest.Golden(t, Recipe{}) }
