package authkit

import (
	"strings"
	"testing"

	"authfit/internal/pysyntax"
)

const source = `import a
# authfit: begin sdk5
import b
# authfit: begin sdk6
import c
# authfit: begin roles recent-login
import d
# authfit: begin sdk6+async
import e
# authfit: end


# authfit: begin roles
async def f():
    await x
# authfit: end
`

func TestRender(t *testing.T) {
	for _, c := range []struct {
		variant Variant
		want    string
	}{
		{Variant{}, "import a\nimport c\n\n\n"},
		{Variant{Dialect: SDK5, Async: true}, "import a\nimport b\n\n\n"},
		{Variant{Async: true}, "import a\nimport c\nimport e\n\n\n"},
		{Variant{Features: []string{"recent-login"}}, "import a\nimport c\nimport d\n\n\n"},
		{Variant{Features: []string{"roles"}}, "import a\nimport c\nimport d\n\n\nasync def f():\n    await x\n"},
	} {
		if got := string(c.variant.Render([]byte(source))); got != c.want {
			t.Errorf("%+v: %q, want %q", c.variant, got, c.want)
		}
	}
}

// TestCore sees that every form is Python, that no await is left in a sync
// module, and that the form can be told from the module again.
func TestCore(t *testing.T) {
	for _, dialect := range []string{SDK5, SDK6} {
		for _, async := range []bool{true, false} {
			for _, features := range [][]string{nil, {"organizations"}} {
				v := Variant{Dialect: dialect, Async: async, Features: features}
				module := v.Core()
				if _, err := pysyntax.Parse(module); err != nil {
					t.Errorf("%+v: %v", v, err)
				}
				if left := strings.Contains(string(module), "await ") || strings.Contains(string(module), "anyio"); left != async {
					t.Errorf("%+v: async is %v", v, left)
				}
				if is := v.in(core, module); is.Dialect != v.Dialect || strings.Join(is.Features, " ") != strings.Join(features, " ") {
					t.Errorf("%+v is seen as %+v", v, is)
				}
			}
		}
	}
}
