package django

import (
	"path"
	"regexp"

	"authfit/internal/edit"
	"authfit/internal/recipe/authkit"
)

// links are the sign-in and sign-out links in Django's template language.
var links = authkit.Links{
	If:      "{% if request.session.user %}",
	Else:    "{% else %}",
	EndIf:   "{% endif %}",
	Email:   "{{ request.session.user.email }}",
	Login:   "{% url 'workos_login' %}",
	SignUp:  "{% url 'workos_sign_up' %}",
	Account: "{% url 'workos_account' %}",
	Logout:  "{% url 'workos_logout' %}",
}

// special are pages that are no frame of a site: mails, and those for errors,
// which Django renders without the request.
var special = regexp.MustCompile(`(^|/)(\d{3}(_.*)?\.html$|[^/]*e?mail)`)

const noTemplate = "there is no template to link to the login from"

// base is the template with the site's frame, in which to link to the login, or
// why there is none.
func (r *room) base() (base, why string) {
	switch {
	case r.settings.mentions("django.template.backends.jinja2.Jinja2"):
		return "", "templates of Jinja2 are left as they are"
	case !r.settings.mentions("django.template.context_processors.request"):
		return "", "no links are put into the templates, as TEMPLATES has no django.template.context_processors.request and they cannot see the session"
	case r.settings.bindings("ROOT_HOSTCONF") != nil || r.settings.bindings("PUBLIC_SCHEMA_URLCONF") != nil:
		return "", "no links are put into the templates, as the site has more than one URLconf, and the login is not in all of them"
	}
	base, ok := authkit.BaseTemplate(r.Project.Tree, path.Join(r.app.Dir, "manage.py"), r.root.homeTemplate())
	if !ok || special.MatchString(base) {
		return "", noTemplate
	}
	return base, ""
}

// editTemplate links to the login from the base template.
func (r *room) editTemplate(base string) {
	name, shown := authkit.NavTemplate(r.Project.Tree, base), false
	r.Edit(name, "links to sign in and out", func(src []byte) (edits []edit.Edit, err error) {
		edits, shown = links.For(r.Variant).Insert(src)
		return edits, nil
	})
	if !shown {
		r.Note(name + ": there is no <nav>, <header> or <body> to put the links into; the login is at " + r.Login.LoginURL)
	}
	r.Login.HomeUser = shown && r.root.homeTemplate() != "" && !r.settings.mentions(".LoginRequiredMiddleware")
}
