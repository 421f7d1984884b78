package fastapi

import (
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

// Examine finds callbacks whose route is for POST only.
func (Recipe) Examine(p *project.Project, _ *project.App) []authkit.Finding {
	return constructor.ExamineCallbacks(p.Tree)
}
