package authkit_test

import (
	"os"
	"path/filepath"
	"testing"

	"authfit/internal/edit"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
	"authfit/internal/recipe/authkit/authkittest"

	"github.com/google/go-cmp/cmp"
)

// TestTemplate finds a template by the name that {% extends %} gives it.
func TestTemplate(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"shop/templates/shop/base.html", "shop/templates/shop/list.html", "theme/templates/base.html", "pages/main.html"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := project.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, want := range map[string]string{
		"base.html":      "theme/templates/base.html", // and not the one that is called shop/base.html
		"shop/base.html": "shop/templates/shop/base.html",
		"main.html":      "pages/main.html",
		"gone.html":      "",
	} {
		if got, _ := authkit.Template(tree, "shop/templates/shop/list.html", name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// items are the links as items of a list.
func items(indent, itemClass, linkClass string) string {
	return indent + "[if]\n" +
		indent + "<li" + itemClass + ">[email]</li>\n" +
		indent + "<li" + itemClass + "><a" + linkClass + " href=\"LOGOUT\">Sign out</a></li>\n" +
		indent + "[else]\n" +
		indent + "<li" + itemClass + "><a" + linkClass + " href=\"LOGIN\">Sign in</a></li>\n" +
		indent + "[end]\n"
}

func TestEmbedded(t *testing.T) {
	authkittest.Embedded(t, map[string][]byte{"files/workos_authkit.py": authkit.Core})
}

// TestInsert puts links into pages: "[in]" and "[out]" stand for them.
func TestInsert(t *testing.T) {
	links := authkit.Links{If: "[if]", Else: "[else]", EndIf: "[end]", Email: "[email]", Login: "LOGIN", Logout: "LOGOUT"}
	for _, test := range []struct{ name, src, want string }{
		{
			"a list in the navigation, with the classes of its items",
			"<nav>\n  <ul>\n    <li class=\"nav-item active\"><a class=\"nav-link\" href=\"/\">Home</a></li>\n  </ul>\n</nav>\n",
			"<nav>\n  <ul>\n    <li class=\"nav-item active\"><a class=\"nav-link\" href=\"/\">Home</a></li>\n" +
				"    [if]\n" +
				"    <li class=\"nav-item\">[email]</li>\n" +
				"    <li class=\"nav-item\"><a class=\"nav-link\" href=\"LOGOUT\">Sign out</a></li>\n" +
				"    [else]\n" +
				"    <li class=\"nav-item\"><a class=\"nav-link\" href=\"LOGIN\">Sign in</a></li>\n" +
				"    [end]\n" +
				"  </ul>\n</nav>\n",
		},
		{
			"on one line",
			"<nav><a href=\"/\">Home</a></nav>",
			"<nav><a href=\"/\">Home</a>\n[if]\n[email] <a href=\"LOGOUT\">Sign out</a>\n[else]\n<a href=\"LOGIN\">Sign in</a>\n[end]\n</nav>",
		},
		{
			"on one line of an indented page, with bars between the links",
			"<body>\n    <nav><a href=\"/\">Home</a> | <a href=\"/a\">About</a></nav>\n</body>\n",
			"<body>\n    <nav><a href=\"/\">Home</a> | <a href=\"/a\">About</a>\n" +
				"        [if]\n" +
				"        | [email] <a href=\"LOGOUT\">Sign out</a>\n" +
				"        [else]\n" +
				"        | <a href=\"LOGIN\">Sign in</a>\n" +
				"        [end]\n" +
				"    </nav>\n</body>\n",
		},
		{
			"a list on one line",
			"<nav>\n\t<ul><li><a href=\"/\">Home</a></li></ul>\n</nav>\n",
			"<nav>\n\t<ul><li><a href=\"/\">Home</a></li>\n" +
				"\t\t[if]\n" +
				"\t\t<li>[email]</li>\n" +
				"\t\t<li><a href=\"LOGOUT\">Sign out</a></li>\n" +
				"\t\t[else]\n" +
				"\t\t<li><a href=\"LOGIN\">Sign in</a></li>\n" +
				"\t\t[end]\n" +
				"\t</ul>\n</nav>\n",
		},
		{
			"a body on one line",
			"<html>\n  <body><h1>x</h1></body>\n</html>\n",
			"<html>\n  <body>\n" +
				"    [if]\n" +
				"    <p>[email] <a href=\"LOGOUT\">Sign out</a></p>\n" +
				"    [else]\n" +
				"    <p><a href=\"LOGIN\">Sign in</a></p>\n" +
				"    [end]\n" +
				"    <h1>x</h1></body>\n</html>\n",
		},
		{
			"what a comment or a script says is no navigation",
			"<!-- <nav></nav> -->\n<script>'<nav></nav>'</script>\n{# <nav></nav> #}\n<body>\n\t<p>x</p>\n</body>\n",
			"<!-- <nav></nav> -->\n<script>'<nav></nav>'</script>\n{# <nav></nav> #}\n<body>\n" +
				"\t[if]\n" +
				"\t<p>[email] <a href=\"LOGOUT\">Sign out</a></p>\n" +
				"\t[else]\n" +
				"\t<p><a href=\"LOGIN\">Sign in</a></p>\n" +
				"\t[end]\n" +
				"\t<p>x</p>\n</body>\n",
		},
		{
			"a class that the template computes is not copied",
			"<header>\r\n  <a class=\"{{ x }}\" href=\"/\">Home</a>\r\n</header>\r\n",
			"<header>\r\n  <a class=\"{{ x }}\" href=\"/\">Home</a>\r\n" +
				"  [if]\r\n  [email] <a href=\"LOGOUT\">Sign out</a>\r\n  [else]\r\n  <a href=\"LOGIN\">Sign in</a>\r\n  [end]\r\n" +
				"</header>\r\n",
		},
		{
			"a list of which a template makes the items, beside the site's name",
			"<nav>\n  <a class=\"navbar-brand\" href=\"/\">Shop</a>\n  <ul>\n    {% menu %}\n  </ul>\n</nav>\n",
			"<nav>\n  <a class=\"navbar-brand\" href=\"/\">Shop</a>\n  <ul>\n    {% menu %}\n" + items("    ", "", "") + "  </ul>\n</nav>\n",
		},
		{
			"a list that is shown only sometimes, without end tags",
			"<nav>\n<ul>\n{% if x %}\n<li class=\"item\"><a href=\"/\">Home</a>\n{% endif %}\n</ul>\n</nav>\n",
			"<nav>\n<ul>\n{% if x %}\n<li class=\"item\"><a href=\"/\">Home</a>\n{% endif %}\n" + items("", ` class="item"`, "") + "</ul>\n</nav>\n",
		},
		{
			"links that are shown only sometimes",
			"<nav>\n  {% if x %}\n  <a class=\"btn\" href=\"/\">Home</a>\n  {% endif %}\n</nav>\n",
			"<nav>\n  {% if x %}\n  <a class=\"btn\" href=\"/\">Home</a>\n  {% endif %}\n" +
				"  [if]\n  [email] <a class=\"btn\" href=\"LOGOUT\">Sign out</a>\n  [else]\n  <a class=\"btn\" href=\"LOGIN\">Sign in</a>\n  [end]\n" +
				"</nav>\n",
		},
		{
			"the list with the app's own login, and not the menu in it",
			"<nav>\n<ul>\n  <li class=\"top\"><a href=\"/login\">Log in</a></li>\n  <li>More\n  <ul>\n    <li class=\"sub\"><a class=\"sub\" href=\"/\">x</a></li>\n  </ul>\n  </li>\n</ul>\n<ul>\n</ul>\n</nav>\n",
			"<nav>\n<ul>\n  <li class=\"top\"><a href=\"/login\">Log in</a></li>\n  <li>More\n  <ul>\n    <li class=\"sub\"><a class=\"sub\" href=\"/\">x</a></li>\n  </ul>\n  </li>\n" + items("  ", "", "") + "</ul>\n<ul>\n</ul>\n</nav>\n",
		},
		{
			"the navigation that everybody sees",
			"<nav class=\"nav--mobile\" hidden>\n</nav>\n<nav>\n<ul>\n</ul>\n</nav>\n",
			"<nav class=\"nav--mobile\" hidden>\n</nav>\n<nav>\n<ul>\n" + items("", "", "") + "</ul>\n</nav>\n",
		},
		{
			"a list that is the navigation, outside of a <nav>",
			"<body>\n<ul class=\"nav-tabs\"></ul>\n<ul class=\"sidebar-nav\">\n  <li><a href=\"/\">Home</a></li>\n</ul>\n</body>\n",
			"<body>\n<ul class=\"nav-tabs\"></ul>\n<ul class=\"sidebar-nav\">\n  <li><a href=\"/\">Home</a></li>\n" + items("  ", "", "") + "</ul>\n</body>\n",
		},
		{"links that are there", "<nav><a href=\"LOGIN\">Sign in</a></nav>", "<nav><a href=\"LOGIN\">Sign in</a></nav>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			edits, ok := links.Insert([]byte(test.src))
			if !ok {
				t.Fatal("there is no place for the links")
			}
			got, err := edit.Apply([]byte(test.src), edits...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
	if _, ok := links.Insert([]byte("<p>a part of a page</p>")); ok {
		t.Error("a page without navigation, header and body has a place for links")
	}
}
