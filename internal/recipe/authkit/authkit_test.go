package authkit_test

import (
	"testing"

	"authfit/internal/edit"
	"authfit/internal/recipe/authkit"
	"authfit/internal/recipe/authkit/authkittest"

	"github.com/google/go-cmp/cmp"
)

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
