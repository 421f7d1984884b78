package recipe

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/project"
)

func TestStillImports(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"shop/__init__.py":  "",
		"shop/urls.py":      "from . import views, auth_views as login\n",
		"shop/views.py":     "def f():\n    from .auth_views import current_user\n",
		"shop/other.py":     "import shop.auth_views\nauth_views = 1\n",
		"shop/unrelated.py": "from auth import views\nx = 'import auth_views'\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Inspect(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []project.Evidence{
		{File: "shop/other.py", Line: 1, Fact: "import shop.auth_views"},
		{File: "shop/urls.py", Line: 1, Fact: "from . import views, auth_views as login"},
		{File: "shop/views.py", Line: 2, Fact: "from .auth_views import current_user"},
	}
	if diff := cmp.Diff(want, StillImports(p, []string{"shop/auth_views.py", "templates/base.html"})); diff != "" {
		t.Error(diff)
	}
	if got := StillImports(p, []string{"templates/base.html", "shop/__init__.py"}); len(got) > 0 {
		t.Errorf("nothing of Python is gone: %v", got)
	}
}
