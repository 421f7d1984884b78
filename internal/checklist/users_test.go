package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/cli"
	"authfit/internal/emulator"
)

// guarded are views of the example behind what Django itself has for that.
const guarded = `

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpResponse


def whoami(request):
    user = request.user
    return HttpResponse(f'{user.is_authenticated} {getattr(user, "email", "")} {user.pk}')


urlpatterns += [
    path('whoami/', whoami),
    path('members/', login_required(whoami)),
    path('shelf/', permission_required('books.view_book')(whoami)),
]
`

// TestDjangoUsers signs people in to the example as users of Django. All lines of
// the checklist hold as well.
func TestDjangoUsers(t *testing.T) {
	l, err := newLab(t.Context(), "django", python(t), func(dir string) error {
		args := []string{"add", "--users", "django", "-C", dir, "--manager", "pip", "--yes", "--no-install", "--no-verify"}
		if code := cli.Main(args, strings.NewReader(""), io.Discard, t.Output()); code != 0 {
			return fmt.Errorf("authfit %s: exit code %d", strings.Join(args, " "), code)
		}
		name := filepath.Join(dir, "readinglist", "urls.py")
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, append(src, guarded...), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, step := range []struct {
		what string
		try  func(*lab)
	}{
		{"a user of Django, until the sign-out", djangoUser},
		{"staff and permissions", djangoStaff},
		{"a user who is shut out", djangoInactive},
	} {
		if wrong := l.try(line{try: step.try}); wrong != "" {
			t.Errorf("%s: %s", step.what, wrong)
		}
	}
	for _, line := range lines {
		if wrong := l.try(line); wrong != "" && !strings.HasPrefix(wrong, notHere) {
			t.Errorf("%d, %s: %s", line.number, line.text, wrong)
		}
	}
}

// shell runs Python in the app, with its models at hand.
func (l *lab) shell(code string) {
	must(l.Run(l.ctx, []string{"{python}", "manage.py", "shell", "-c", "from django.contrib.auth.models import Permission, User\n" + code}))
}

// shows fails unless a path answers with a status and begins with a text.
func (b *browser) shows(path string, status int, text string) *page {
	p := b.get(path)
	if p.status != status || !strings.HasPrefix(p.body, text) {
		fail("%s answers %d %.80q, not %d %q", path, p.status, p.body, status, text)
	}
	return p
}

func djangoUser(l *lab) {
	// Somebody made an account with that address before its owner came.
	l.shell("User.objects.create_superuser('early', '" + emulator.DefaultEmail + "', 'secret')")
	b := l.browser()
	b.shows("/whoami/", http.StatusOK, "False")
	away := b.shows("/members/", http.StatusFound, "").location()
	if away.Path != l.Login.LoginURL || away.Query().Get("next") != "/members/" {
		fail("login_required leads to %s", away)
	}
	done := b.get(b.signIn(b.toAuthKit(b.get(away.String()))).String())
	if done.status != http.StatusFound || done.location().Path != "/members/" {
		fail("the callback answers %d and leads to %s", done.status, done.location())
	}
	b.shows("/members/", http.StatusOK, "True "+emulator.DefaultEmail+" 2")
	b.shows("/whoami/", http.StatusOK, "True")
	b.shows("/shelf/", http.StatusFound, "")
	b.shows("/admin/", http.StatusFound, "")
	old := b.clone()
	form := b.get(l.Login.Logout)
	b.post(l.Login.Logout, form.hidden())
	for _, b := range []*browser{b, old} {
		b.shows("/whoami/", http.StatusOK, "False")
		b.shows("/members/", http.StatusFound, "")
	}
}

func djangoStaff(l *lab) {
	b := l.browser()
	b.login("")
	l.shell("u = User.objects.get(pk=2)\nu.user_permissions.add(Permission.objects.get(codename='view_book'))")
	b.shows("/shelf/", http.StatusOK, "True")
	b.shows("/admin/", http.StatusFound, "")
	l.shell("User.objects.filter(pk=2).update(is_staff=True)")
	if p := b.shows("/admin/", http.StatusOK, ""); !strings.Contains(p.body, "Books") {
		fail("the admin shows no books")
	}
	b.shows("/admin/books/book/", http.StatusOK, "")
	b.shows("/admin/auth/user/", http.StatusForbidden, "")
	l.shell("User.objects.filter(pk=2).update(is_superuser=True)")
	if p := b.shows("/admin/workos_users/workosuser/", http.StatusOK, ""); !strings.Contains(p.body, "user_") {
		fail("the admin shows nobody of WorkOS")
	}
}

func djangoInactive(l *lab) {
	b := l.browser()
	b.login("")
	l.shell("User.objects.filter(pk=2).update(is_active=False)")
	defer l.shell("User.objects.filter(pk=2).update(is_active=True)")
	b.shows("/whoami/", http.StatusOK, "False")
	b.shows(l.Login.Account, http.StatusFound, "")
	p := b.get(b.signIn(b.start("")).String())
	if p.status != http.StatusForbidden {
		fail("the callback answers %d", p.status)
	}
	b.shows("/whoami/", http.StatusOK, "False")
	b.shows(l.Login.Account, http.StatusFound, "")
}
