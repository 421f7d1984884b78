package django

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/plan"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
	"authfit/internal/recipe/authkit/authkittest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestDraft(t *testing.T) { authkittest.Golden(t, Recipe{}) }

func TestProtect(t *testing.T) { authkittest.Protect(t, Recipe{}) }

func TestProtectAll(t *testing.T) { authkittest.ProtectAll(t, Recipe{}) }

func FuzzProtect(f *testing.F) { authkittest.FuzzProtect(f, Recipe{}) }

func TestEmbedded(t *testing.T) {
	embedded := map[string][]byte{"files/auth_views.py": AuthViews}
	for name, content := range UsersApp(usersApp, viewsModule) {
		embedded["files/"+name] = content
	}
	authkittest.Embedded(t, embedded)
}

// draft drafts the login of a project in testdata.
func draft(t *testing.T, name string) *authkit.Draft {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range archive.Files {
		file := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := project.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	p := &project.Project{Root: dir, Tree: tree}
	p.Apps = Recipe{}.Find(p)
	if len(p.Apps) == 0 {
		t.Fatal("no app was found")
	}
	d := &authkit.Draft{Project: p, App: &p.Apps[0]}
	if strings.Contains(string(archive.Comment), "users: django") {
		d.Users = "django"
	}
	Recipe{}.Draft(d)
	return d
}

// TestLogin is about how the app is started for the walk through its login.
func TestLogin(t *testing.T) {
	migrated := func(command ...string) [][]string { return [][]string{append(command, "shell", "-c", migrate)} }
	for _, test := range []struct {
		name string
		want *plan.Login
	}{
		{"subfolder", &plan.Login{
			Dir:   "backend",
			Boot:  []string{"{python}", "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"},
			Dev:   []string{"{python}", "manage.py", "runserver", "127.0.0.1:{port}"},
			Setup: migrated("{python}", "manage.py"),
			Env:   []string{"DJANGO_SETTINGS_MODULE=shop.settings", "DATABASE_URL=sqlite:///{scratch}/authfit-verify.sqlite3"},
		}},
		{"wsgi_only", &plan.Login{
			Boot:  []string{"{python}", "-m", "django", "runserver", "--noreload", "127.0.0.1:{port}"},
			Dev:   []string{"{python}", "-m", "django", "runserver", "127.0.0.1:{port}"},
			Setup: migrated("{python}", "-m", "django"),
			Env:   []string{"DJANGO_SETTINGS_MODULE=shop.settings", "DATABASE_URL=sqlite:///{scratch}/authfit-verify.sqlite3"},
		}},
		{"decouple", &plan.Login{ // its database is named by another variable
			Boot:  []string{"{python}", "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"},
			Dev:   []string{"{python}", "manage.py", "runserver", "127.0.0.1:{port}"},
			Setup: migrated("{python}", "manage.py"),
			Env: []string{
				"DJANGO_SETTINGS_MODULE=shop.settings",
				"DATABASE_URL=sqlite:///{scratch}/authfit-verify.sqlite3",
				"SHOP_DB_URL=sqlite:///{scratch}/authfit-verify.sqlite3",
			},
		}},
		{"settings_missing", &plan.Login{ // whoever starts it has to say
			Boot: []string{"{python}", "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"},
			Dev:  []string{"{python}", "manage.py", "runserver", "127.0.0.1:{port}"},
		}},
		{"route_taken_prefix", &plan.Login{
			Boot:  []string{"{python}", "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"},
			Dev:   []string{"{python}", "manage.py", "runserver", "127.0.0.1:{port}"},
			Setup: migrated("{python}", "manage.py"),
			Env:   []string{"DJANGO_SETTINGS_MODULE=shop.settings", "DATABASE_URL=sqlite:///{scratch}/authfit-verify.sqlite3"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.want.Home = "/"
			test.want.LoginURL, test.want.Callback = "/auth/login/", "/auth/callback/"
			test.want.Logout, test.want.Account = "/auth/logout/", "/auth/account/"
			test.want.HomeUser = test.name != "subfolder" // where the links are in a base template that the home page does not use
			if diff := cmp.Diff(test.want, draft(t, test.name).Login); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

// TestByHand is about refusals, which say what to do instead.
func TestByHand(t *testing.T) {
	routes := strings.Join([]string{
		"the root URLconf, and auth_views.py beside it, need:",
		"from django.urls import path",
		"import auth_views  # or from its package",
		`    path("auth/login/", auth_views.login_view, name="workos_login"),`,
		`    path("auth/callback/", auth_views.callback_view, name="workos_callback"),`,
		`    path("auth/logout/", auth_views.logout_view, name="workos_logout"),`,
		`    path("auth/account/", auth_views.account_view, name="workos_account"),`,
	}, "\n")
	for _, test := range []struct{ name, where, detail string }{
		{"urls_computed", "shop/urls.py:3", routes},
		{"urls_in_if", "shop/urls.py:7", routes},
		{"urlconf_computed", "shop/settings.py:13", routes},
		{"configurations_apart", "shop/settings.py:9", strings.Join([]string{
			"each class needs these lines, below `import os`, `from dotenv import load_dotenv` and `load_dotenv()` at the top:",
			"WORKOS_API_KEY = os.environ.get('WORKOS_API_KEY', '')",
			"WORKOS_CLIENT_ID = os.environ.get('WORKOS_CLIENT_ID', '')",
			"WORKOS_REDIRECT_URI = os.environ.get('WORKOS_REDIRECT_URI', '')",
			"WORKOS_COOKIE_PASSWORD = os.environ.get('WORKOS_COOKIE_PASSWORD', '')",
			"SESSION_COOKIE_SECURE = WORKOS_REDIRECT_URI.startswith('https:')",
		}, "\n")},
		{"users_computed", "shop/settings.py:6", strings.Join([]string{
			"the settings need:",
			`in INSTALLED_APPS: "workos_users"`,
			`in MIDDLEWARE, directly below AuthenticationMiddleware: "workos_users.middleware.authkit_user"`,
			`in AUTHENTICATION_BACKENDS, at its end: "workos_users.backends.AuthKitBackend"`,
		}, "\n")},
	} {
		t.Run(test.name, func(t *testing.T) {
			problems := draft(t, test.name).Problems
			if len(problems) != 1 {
				t.Fatalf("want one problem, got %v", problems)
			}
			if diff := cmp.Diff([]string{test.where, test.detail}, []string{problems[0].Where(), problems[0].Detail}); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}
