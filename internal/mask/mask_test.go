package mask

import (
	"cmp"
	"strings"
	"testing"

	"authfit/internal/edit"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"Looking in indexes: https://me:planted@pypi.example/simple": "Looking in indexes: https://me:***@pypi.example/simple",
		"All attempts to connect to me:planted@127.0.0.1:9 failed.":  "All attempts to connect to me:***@127.0.0.1:9 failed.",
		"git+https://planted-token@github.com/x/y.git":               "git+https://***@github.com/x/y.git",
		"git+ssh://git@github.com/x/y.git":                           "git+ssh://git@github.com/x/y.git",
		"postgres://u:plan@ted@db/app?sslmode=on":                    "postgres://u:***@db/app?sslmode=on",
		"the key sk_live_planted is refused":                         "the key *** is refused",
		"GET /callback?code=planted&state=planted2 302":              "GET /callback?code=***&state=*** 302",
		"# OLD_TOKEN=planted and APP_NAME=shop":                      "# OLD_TOKEN=*** and APP_NAME=shop",
		"see http://localhost:8000/login for user@example.com":       "see http://localhost:8000/login for user@example.com",
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	mask := Values(Known(`app.secret_key = "planted-7"; x.token = "header"`), map[string]string{
		"DATABASE_URL":  "postgres://u:hunter2pass@db/x",
		"SECRET_KEY":    "abcdefgh",
		"OTHER_TOKEN":   "abcdefgh-and-more",
		"DEBUG_TOKEN":   "true",
		"NAME":          "plainvalue",
		"AUTHOR_NAME":   "someone",
		"SHORT_KEY":     "abc",
		"KEY_FILE":      "/etc/ssl/key",
		"PIP_INDEX_URL": "https://me:hunter5@pypi.example/simple",
	})
	for line, want := range map[string]string{
		"key abcdefgh-and-more, abcdefgh":                "key ***, ***",
		"postgres://u:hunter2pass@db/x":                  "***",
		"mysql://root:hunter3@db":                        "mysql://root:***@db",
		"sk_test_0123456789 in text":                     "*** in text",
		`"GET /callback?code=abc&state=def HTTP`:         `"GET /callback?code=***&state=*** HTTP`,
		"true plainvalue someone /etc/ssl/key abc":       "true plainvalue someone /etc/ssl/key abc",
		"the key planted-7 in a header":                  "the key *** in a header",
		`    app.config["SECRET_KEY"] = "hunter4"`:       `    app.config["SECRET_KEY"] = "***"`,
		"reading https://me:hunter5@pypi.example/simple": "reading https://me:***@pypi.example/simple",
	} {
		if got := mask(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestSource(t *testing.T) {
	for _, c := range []struct{ in, want string }{ // want is empty for what is shown as it is
		{`app.secret_key = "planted"`, `app.secret_key = "***"`},
		{`app.secret_key = b'planted'  # "x"`, `app.secret_key = b'***'  # "***"`},
		{`app.config["SECRET_KEY"] = "planted"`, `app.config["SECRET_KEY"] = "***"`},
		{`app.config.update(SECRET_KEY="planted", DEBUG="yes")`, `app.config.update(SECRET_KEY="***", DEBUG="yes")`},
		{`app.config.from_mapping({"SECRET_KEY": "planted", "X": "y"})`, `app.config.from_mapping({"SECRET_KEY": "***", "X": "y"})`},
		{`SECRET_KEY: str = "planted"`, `SECRET_KEY: str = "***"`},
		{`SECRET_KEY = r'''planted` + "\n" + `it''s` + "\n" + `more''' + "planted"`, `SECRET_KEY = r'''***` + "\n" + `***` + "\n" + `***''' + "***"`},
		{`SECRET_KEY = (` + "\n" + `    "planted"` + "\n" + `    'more'` + "\n" + `)` + "\n" + `X = "y"`, `SECRET_KEY = (` + "\n" + `    "***"` + "\n" + `    '***'` + "\n" + `)` + "\n" + `X = "y"`},
		{`SECRET_KEY = \` + "\n" + `    "planted"`, `SECRET_KEY = \` + "\n" + `    "***"`},
		{`DB = dict(password=` + "\n" + `    "planted"` + "\n" + `    "more", user="me")`, `DB = dict(password=` + "\n" + `    "***"` + "\n" + `    "***", user="me")`},
		{`SECRET_KEY_FALLBACKS = ["planted", "older"]`, `SECRET_KEY_FALLBACKS = ["***", "***"]`},
		{`SECRET_KEY = os.environ.get("SECRET_KEY", "planted")`, `SECRET_KEY = os.environ.get("SECRET_KEY", "***")`},
		{`SECRET_KEY = os.environ["SECRET_KEY"]`, ""},
		{`SECRET_KEY = env("DJANGO_KEY", default="planted")`, `SECRET_KEY = env("DJANGO_KEY", default="***")`},
		{`key = os.getenv("API_TOKEN", "planted")`, `key = os.getenv("API_TOKEN", "***")`},
		{`setattr(app, "secret_key", "planted")`, `setattr(app, "secret_key", "***")`},
		{`client = WorkOSClient(api_key="planted", client_id="client_1")`, `client = WorkOSClient(api_key="***", client_id="client_1")`},
		{`DATABASE_URL = "postgres://me:planted@db/app"`, `DATABASE_URL = "postgres://me:***@db/app"`},
		{`aws_credentials = {"id": "planted"}`, `aws_credentials = {"***": "***"}`},
		{`PRIVATE_KEY = f"planted"`, `PRIVATE_KEY = f"***"`},
		{`# don't use password="planted" here, isn't it`, `# don't use password="***" here, isn't it`},
		{`# """` + "\n" + `api_key = "planted"`, `# """` + "\n" + `api_key = "***"`},
		{`api-key = "planted"`, `api-key = "***"`},
		{`--index-url https://me:planted@pypi.example/simple`, `--index-url https://me:***@pypi.example/simple`},
		{`password = ""`, ""},
		{`if token == "header":`, ""},
		{`if password:` + "\n" + `    return "abc"`, ""},
		{`def f(token, name="x"): return "y"`, ""},
		{`import secrets` + "\n" + `x = secrets.token_hex(16)`, ""},
		{`PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]`, ""},
		{`<form method="post">{% csrf_token %}<input type="password" name="x"></form>`, ""},
		{`SECRET_KEY = load()` + "\n" + `X = "y"`, ""},
		{`SECRET_KEY = "unterminated` + "\n" + `X = "y"`, ""},
		{`SECRET_KEY = 'a\'planted'`, `SECRET_KEY = '***'`},
	} {
		if got := Source(c.in); got != cmp.Or(c.want, c.in) {
			t.Errorf("Source of\n%s\n got\n%s\nwant\n%s", c.in, got, cmp.Or(c.want, c.in))
		}
	}
}

func TestDiff(t *testing.T) {
	before := "import os\n\napp.secret_key = \"planted\"\nconfigure(app, token='planted2')\nURL = \"db://me:planted3@x\"\n" +
		"a\nb\nc\nd\ne\nf\nAPI_KEY = \"\"\"planted4\nplanted5\"\"\"\ng\n"
	after := strings.Replace(before, "configure(app, ", "setup(app)\nconfigure(app, login=True, ", 1)
	after = strings.Replace(after, "g\n", "SECRET = \"ours\"\ng\n", 1)
	got := Diff(edit.Unified("app.py", []byte(before), []byte(after)), before, after)
	want := `--- a/app.py
+++ b/app.py
@@ -1,7 +1,8 @@
 import os
 
 app.secret_key = "***"
-configure(app, token='***')
+setup(app)
+configure(app, login=True, token='***')
 URL = "db://me:***@x"
 a
 b
@@ -11,4 +12,5 @@
 f
 API_KEY = """***
 ***"""
+SECRET = "ours"
 g
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := Diff("", "", ""); got != "" {
		t.Errorf("no change gives %q", got)
	}
}

// FuzzSource wants lines to stay lines, and what is masked to stay masked.
func FuzzSource(f *testing.F) {
	f.Add("app.secret_key = \"planted\"\n# don't\n")
	f.Add("token: '''a\nb''' + (\n'x')")
	f.Fuzz(func(t *testing.T, src string) {
		got := Source(src)
		if strings.Count(got, "\n") != strings.Count(src, "\n") {
			t.Fatalf("%q has other lines: %q", src, got)
		}
		if again := Source(got); again != got {
			t.Fatalf("%q gives %q, and then %q", src, got, again)
		}
	})
}
