package recipe

import (
	"authfit/internal/mask"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

// What is told of a project quotes its code, and a quotation may have a secret
// in it: app = create_app(secret_key="...").

func hideEvidence(all []project.Evidence) {
	for i := range all {
		all[i].Fact = mask.Source(all[i].Fact)
	}
}

func hideProblems(all []problem.Problem) {
	for i := range all {
		all[i].Detail = mask.Source(all[i].Detail)
	}
}

func hideProject(p *project.Project) {
	for _, app := range p.Apps {
		hideEvidence(app.Evidence)
	}
	for i := range p.Present {
		p.Present[i].Fact = mask.Source(p.Present[i].Fact)
	}
	hideEvidence(p.Manager.Evidence)
	hideEvidence(p.Python.Evidence)
	hideProblems(p.Problems)
}

func hideRoutes(l authkit.Listing) {
	for i := range l.Routes {
		l.Routes[i].View, l.Routes[i].By = mask.Source(l.Routes[i].View), mask.Source(l.Routes[i].By)
	}
	hideEvidence(l.Unseen)
	hideNotes(l.Notes)
}

func hideNotes(all []string) {
	for i := range all {
		all[i] = mask.Source(all[i])
	}
}
