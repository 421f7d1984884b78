package vanilla

import (
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

// Examine finds nothing: a project without a framework has no login.
func (Recipe) Examine(*project.Project, *project.App) []authkit.Finding { return nil }
