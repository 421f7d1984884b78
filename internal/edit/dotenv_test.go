package edit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/oracle"
	"authfit/internal/problem"
)

// pythonDotenv is python-dotenv itself: a file in, its keys and values (nil
// without "=") out.
type pythonDotenv struct{ *oracle.Oracle }

func startDotenv(t testing.TB) pythonDotenv {
	t.Helper()
	return pythonDotenv{oracle.Start(t, `
import base64, io, logging
from dotenv import dotenv_values
logging.disable()

def answer(src):
    text = io.TextIOWrapper(io.BytesIO(base64.b64decode(src)), encoding="utf-8")
    return dotenv_values(stream=text, interpolate=False)
`)}
}

// values asks for the keys and values of src.
func (p pythonDotenv) values(t testing.TB, src []byte) (values map[string]*string) {
	t.Helper()
	p.Ask(t, &values, src)
	return values
}

// plain is values with a key without "=" as an empty one, as EnvFile has it.
func (p pythonDotenv) plain(t testing.TB, src []byte) map[string]string {
	t.Helper()
	plain := map[string]string{}
	for k, v := range p.values(t, src) {
		plain[k] = ""
		if v != nil {
			plain[k] = *v
		}
	}
	return plain
}

func envValues(f *EnvFile) map[string]string {
	values := map[string]string{}
	for _, key := range f.Keys() {
		values[key], _, _ = f.Get(key)
	}
	return values
}

// envSamples are environment files as people have them, and the corners of the
// grammar.
var envSamples = []string{
	"",
	"\n\n",
	"A=1",
	"A=1\nB=2\n",
	"A=1\r\nB=\"x\r\ny\"\r\n",
	"A=1\rB=2\r",
	"\ufeffA=1\n",
	"\ufeff",
	"# a comment\n\nexport A=1\nexport\tB = 2 \n",
	"export=1\nexport =2\nexport\n",
	"exportA=1\n",
	"A\nB=\nC= \n",
	"A=1\nA=2\nA\n",
	"A=1 # one\nB=1# one\nC=# none\nD= # none\nE=#\n",
	"A='it''s'\nB=2\n",
	"A='a # b' # c\nB=\"a # b\"# c\n",
	"A='x\\'y\\\\z\\n'\n",
	"A=\"x\\\"y\\\\z\\n\\t\\$\\q\"\n",
	"A=\"-----BEGIN KEY-----\nabc\n-----END KEY-----\"\nB=2\n",
	"A='two\nlines'\nB=2\n",
	"A=\"open\nB=2\n",
	"A='open\nB=2\n",
	"A=\"x\nB=\"y\"\nC=3\n",
	"A=\"x\" y\nB=2\n",
	"=1\nB=2\n",
	"a b=1\nB=2\n",
	"A.B-C=1\n'q k'=2\n''=3\n'open=4\n",
	"A=don't\nB=2\n",
	"A: 1\nB=2\n",
	"A=1\\\nB=2\n",
	"A = 1\n  B=2\n\tC=3\n",
	"A=1 \vB=2\fC=3\n",
	"A=x\u00a0#c\nB=\u2028\nC\u0085=3\x1c\n",
	"A=é世\nÄ=1\n",
	"#\n#A=1\n# B=2",
	"A=postgres://u:p@h:5432/d?sslmode=require&x=1\n",
	"A=${B}\nB='${A}'\n",
	"A=1;B=2\n",
	"A=\"\"\nB=''\n",
	"A=`x`\nB=$(x)\n",
	"\\\nA=1\\",
	"A=\"x\\\r\ny\"\n",
	"A='\\'\nB='\\\\'\n",
}

func TestParseEnvAsPythonDotenv(t *testing.T) {
	python := startDotenv(t)
	for _, src := range envSamples {
		if diff := cmp.Diff(python.plain(t, []byte(src)), envValues(ParseEnv([]byte(src)))); diff != "" {
			t.Errorf("%q (-python-dotenv +ours):\n%s", src, diff)
		}
	}
}

func TestGet(t *testing.T) {
	src := "\ufeff# head\r\nexport A='1\r\n2'\r\n\r\nB\r\nA=3 # c\r\n  C=4\r\n"
	f := ParseEnv([]byte(src))
	tests := []struct {
		key, value string
		line       int
		ok         bool
	}{
		{"A", "3", 6, true},
		{"B", "", 5, true},
		{"C", "4", 7, true},
		{"D", "", 0, false},
	}
	for _, tt := range tests {
		value, line, ok := f.Get(tt.key)
		if value != tt.value || line != tt.line || ok != tt.ok {
			t.Errorf("Get(%s) = %q, %d, %v; want %q, %d, %v", tt.key, value, line, ok, tt.value, tt.line, tt.ok)
		}
	}
	if diff := cmp.Diff([]string{"A", "B", "C"}, f.Keys()); diff != "" {
		t.Errorf("Keys: %s", diff)
	}
}

func TestEnvProblem(t *testing.T) {
	tests := []struct {
		name, src, code string
		line            int
	}{
		{"fine", "A='1'\n", "", 0},
		{"apostrophe in a plain value", "A=don't\n", "", 0},
		{"junk behind a quote", "A='1' 2\n", "", 0},
		{"open quote", "\nA=1\nB=\"x\nC=3\n", "env-quote", 3},
		{"escaped closing quote", "B='x\\'\n", "env-quote", 1},
		{"UTF-16", "\xff\xfeA\x00=\x001\x00", "env-encoding", 0},
		{"UTF-16 without a mark", "A\x00=\x001\x00", "env-encoding", 0},
		{"latin-1", "A=\xe9\n", "env-encoding", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := ParseEnv([]byte(tt.src)).Problem()
			if tt.code == "" {
				if p != nil {
					t.Fatalf("got %v", p)
				}
				return
			}
			if p == nil || p.Code != tt.code || p.Line != tt.line {
				t.Fatalf("got %+v, want %s in line %d", p, tt.code, tt.line)
			}
			if _, err := AppendEnv([]byte(tt.src), "", []Pair{{"NEW", "1"}}); !errors.Is(err, p) && err.Error() != p.Error() {
				t.Errorf("AppendEnv: %v, want %v", err, p)
			}
		})
	}
}

func TestAppendEnv(t *testing.T) {
	tests := []struct {
		name, src, comment string
		pairs              []Pair
		want               string
	}{
		{"new file", "", "ours", []Pair{{"A", "1"}}, "# ours\nA=1\n"},
		{"new file, no comment", "", "", []Pair{{"A", "1"}, {"B", ""}}, "A=1\nB=\n"},
		{"below others", "X=0\n", "ours", []Pair{{"A", "1"}}, "X=0\n\n# ours\nA=1\n"},
		{"below an empty line", "X=0\n\n", "ours", []Pair{{"A", "1"}}, "X=0\n\n# ours\nA=1\n"},
		{"no last newline", "X=0", "", []Pair{{"A", "1"}}, "X=0\nA=1\n"},
		{"CRLF, no last newline", "W=0\r\nX=0", "ours", []Pair{{"A", "1"}}, "W=0\r\nX=0\r\n\r\n# ours\r\nA=1\r\n"},
		{"only a mark", "\ufeff", "ours", []Pair{{"A", "1"}}, "\ufeff# ours\nA=1\n"},
		{"a line that a shell carries on", "X=a\\\n", "", []Pair{{"A", "1"}}, "X=a\\\n\nA=1\n"},
		{"all there", "A=\nexport B=2\nC", "ours", []Pair{{"A", "1"}, {"B", "1"}, {"C", "1"}}, "A=\nexport B=2\nC"},
		{"some there", "B=2\n", "", []Pair{{"A", "1"}, {"B", "1"}}, "B=2\nA=1\n"},
		{"commented out is not there", "#A=0\n", "", []Pair{{"A", "1"}}, "#A=0\nA=1\n"},
		{"twice in the pairs", "", "", []Pair{{"A", "1"}, {"A", "2"}}, "A=1\n"},
		{"Fernet key", "", "", []Pair{{"A", "q83vAbc_-9k="}}, "A=q83vAbc_-9k=\n"},
		{"URL", "", "", []Pair{{"A", "http://localhost:8000/callback?a=1&b=2"}}, "A='http://localhost:8000/callback?a=1&b=2'\n"},
		{"apostrophe", "", "", []Pair{{"A", "it's # 1"}}, "A=\"it's # 1\"\n"},
		{"backslash", "", "", []Pair{{"A", `a\b "c" $d`}}, `A='a\b "c" $d'` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edits, err := AppendEnv([]byte(tt.src), tt.comment, tt.pairs)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Apply([]byte(tt.src), edits...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
			again, err := AppendEnv(got, tt.comment, tt.pairs)
			if err != nil || len(again) > 0 {
				t.Errorf("the second time: %v, %v", again, err)
			}
		})
	}
}

func TestAppendEnvRefuses(t *testing.T) {
	for _, p := range []Pair{
		{"A", "planted\nB=1"},
		{"A", "planted\x00"},
		{"A", "planted${B}"},
		{"A", `planted'"`},
		{"A", `planted'$`},
		{"A", `planted \`},
		{"A", `planted\\ x`},
		{"A", "planted\xff"},
		{"1A", "x"},
		{"A B", "x"},
		{"", "x"},
	} {
		_, err := AppendEnv(nil, "", []Pair{p})
		var prob *problem.Problem
		if !errors.As(err, &prob) {
			t.Errorf("%q: got %v, want a problem", p, err)
			continue
		}
		if strings.Contains(prob.Text(), "planted") {
			t.Errorf("%q: the value is shown: %s", p, prob.Text())
		}
	}
}

// TestAppendEnvAsReadByOthers holds what is written against its readers: a
// shell, and python-dotenv.
func TestAppendEnvAsReadByOthers(t *testing.T) {
	python := startDotenv(t)
	values := []string{
		"", "plain", "sk_test_abc", "a b", "a#b", "#a", "a #b", " a ", `a\nb`, `C:\dir`, `"q"`, "it's", "$HOME", "a$b", "~",
		"~/x", "`id`", "$(id)", "!x", "a;b", "a&b", "a|b", "<a>", "*", "?", "[a]", "{a,b}", "a=b", "=a", "%s", "é世", "é 世", "(a)", "\u00a0", "\u2028x",
	}
	for _, want := range values {
		edits, err := AppendEnv([]byte("X=0\n"), "ours", []Pair{{"A", want}})
		if err != nil {
			t.Errorf("%q: %v", want, err)
			continue
		}
		src, err := Apply([]byte("X=0\n"), edits...)
		if err != nil {
			t.Fatal(err)
		}
		if got := python.plain(t, src)["A"]; got != want {
			t.Errorf("python-dotenv reads %q, want %q", got, want)
		}
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, src, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command("sh", "-c", `. "$1"; printf %s "$A"`, "sh", file).CombinedOutput()
		if err != nil || string(got) != want {
			t.Errorf("the shell reads %q (%v), want %q", got, err, want)
		}
	}
}

func TestRemoveLines(t *testing.T) {
	added := func(src, comment string, pairs ...Pair) []string {
		edits, err := AppendEnv([]byte(src), comment, pairs)
		if err != nil {
			t.Fatal(err)
		}
		return AddedLines([]byte(src), edits)
	}
	one := added("X=0\n", "ours", Pair{"A", "1"}, Pair{"B", "2"})
	tests := []struct {
		name, src string
		sums      []string
		want      string
		missing   int
	}{
		{"untouched", "X=0\n\n# ours\nA=1\nB=2\n", one, "X=0\n", 0},
		{"lines of the user's around them", "W=1\nX=0\n\n# ours\nA=1\nY=3\nB=2\nZ=4\n", one, "W=1\nX=0\nY=3\nZ=4\n", 0},
		{"one changed", "X=0\n\n# ours\nA=mine\nB=2\n", one, "X=0\nA=mine\n", 1},
		{"comment gone", "X=0\nA=1\nB=2\n", one, "X=0\n", 1},
		{"now CRLF", "X=0\r\n\r\n# ours\r\nA=1\r\nB=2", one, "X=0\r\n", 0},
		{"the user's own equal line stays", "A=1\nX=0\n\n# ours\nA=1\nB=2\n", one, "A=1\nX=0\n", 0},
		{"all gone", "X=0\n", one, "X=0\n", 3},
		{"a quote of the user's holds them now", "X='0\n\n# ours\nA=1\nB=2\n'\n", one, "X='0\n\n# ours\nA=1\nB=2\n'\n", 4},
		{"a quote of the user's ends among them", "X='0\n# ours\n'\nA=1\nB=2\n", one, "X='0\n# ours\n'\nA=1\nB=2\n", 4},
		{"an empty line of the user's stays", "X=0\n\nA=1\n", added("X=0", "", Pair{"A", "1"}), "X=0\n\n", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edits, missing := RemoveLines([]byte(tt.src), tt.sums)
			got, err := Apply([]byte(tt.src), edits...)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want || missing != tt.missing {
				t.Errorf("got %q and %d missing, want %q and %d", got, missing, tt.want, tt.missing)
			}
		})
	}
}

func TestAppendLines(t *testing.T) {
	tests := []struct{ src, want string }{
		{"", ".env\n"},
		{"a\n", "a\n.env\n"},
		{"a", "a\n.env\n"},
		{"a\r\nb", "a\r\nb\r\n.env\r\n"},
		{"a\r\nb\n", "a\r\nb\n.env\n"},
		{"a\rb\r", "a\rb\r.env\r"},
	}
	for _, tt := range tests {
		got, err := Apply([]byte(tt.src), AppendLines([]byte(tt.src), ".env")...)
		if err != nil || string(got) != tt.want {
			t.Errorf("%q: got %q, %v; want %q", tt.src, got, err, tt.want)
		}
	}
	if edits := AppendLines([]byte("a")); edits != nil {
		t.Errorf("no lines: %v", edits)
	}
}

// edited is an environment file after a person has changed some lines. Three
// bytes are one change: which, where, and how much.
func edited(src []byte, changes []byte) []byte {
	lines := strings.SplitAfter(string(src), "\n")
	for ; len(changes) >= 3; changes = changes[3:] {
		at := int(changes[1]) % len(lines)
		to := min(at+1+int(changes[2])%4, len(lines))
		switch changes[0] % 8 {
		case 0:
			lines = append(slices.Delete(lines, at, to), "")
		case 1:
			lines = slices.Insert(lines, to, slices.Clone(lines[at:to])...)
		case 2:
			lines[at], lines[to-1] = lines[to-1], lines[at]
		case 3:
			lines[at] = strings.TrimRight(lines[at], "\r\n") + "x\n"
		case 4: // what an open quote takes in
			lines = slices.Insert(lines, at, []string{"Q='\n", "Q=\"\n", "'\n", "\"\n", "# '\n", "\n", "Q=1\n", "Q\\\n"}[changes[2]%8])
		case 5:
			for i := range lines {
				lines[i] = strings.TrimRight(lines[i], "\r\n") + []string{"\r\n", "\r", "\n"}[changes[2]%3]
			}
		case 6:
			lines[at] = strings.TrimRight(lines[at], "\r\n")
		case 7:
			lines[at] = " " + lines[at]
		}
	}
	return []byte(strings.Join(lines, ""))
}

// FuzzEnv holds reading against python-dotenv, and appending against its
// promise: every old key keeps its value, each new one is read back, and taking
// the lines out again leaves what was there, also once a person has edited the
// file in between.
func FuzzEnv(f *testing.F) {
	for i, src := range envSamples {
		f.Add([]byte(src), "value", true, []byte{})
		f.Add([]byte(src), "it's a \"value\"", false, []byte{byte(i), byte(i * 7), byte(i * 3), 4, byte(i), byte(i)})
	}
	python := startDotenv(f)
	f.Fuzz(func(t *testing.T, src []byte, value string, comment bool, changes []byte) {
		if !utf8.Valid(src) || slices.Contains(src, 0) {
			if _, err := AppendEnv(src, "", []Pair{{"NEW", "x"}}); err == nil {
				t.Fatalf("appended to %q", src)
			}
			return
		}
		before := python.values(t, src)
		if diff := cmp.Diff(python.plain(t, src), envValues(ParseEnv(src))); diff != "" {
			t.Fatalf("%q (-python-dotenv +ours):\n%s", src, diff)
		}
		text := ""
		if comment {
			text = "ours"
		}
		edits, err := AppendEnv(src, text, []Pair{{"NEW_ONE", "1"}, {"NEW_TWO", value}})
		if err != nil || len(edits) == 0 {
			return
		}
		out, err := Apply(src, edits...)
		if err != nil {
			t.Fatal(err)
		}
		after := python.values(t, out)
		for key, want := range map[string]string{"NEW_ONE": "1", "NEW_TWO": value} {
			if _, there := before[key]; !there && (after[key] == nil || *after[key] != want) {
				t.Fatalf("%q: %s is %v, want %q", out, key, after[key], want)
			}
		}
		for key, want := range before {
			if diff := cmp.Diff(want, after[key]); diff != "" {
				t.Fatalf("%q: %s: %s", out, key, diff)
			}
		}
		sums := AddedLines(src, edits)
		back, missing := RemoveLines(out, sums)
		got, err := Apply(out, back...)
		if err != nil || missing > 0 {
			t.Fatalf("taking out: %v, %d missing", err, missing)
		}
		want := string(src)
		if len(src) > 0 && !strings.HasPrefix(string(got), want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		if rest := strings.TrimPrefix(string(got), want); rest != "" && rest != Newline(src) {
			t.Fatalf("%q is left behind %q", rest, want)
		}
		out = edited(out, changes)
		back, _ = RemoveLines(out, sums)
		if err := onlyLines(out, back, sums); err != nil {
			t.Fatalf("taking out of %q: %v", out, err)
		}
		if got, err = Apply(out, back...); err != nil {
			t.Fatal(err)
		}
		now, then := python.values(t, got), python.values(t, out)
		for _, ours := range []string{"NEW_ONE", "NEW_TWO"} {
			delete(now, ours)
			delete(then, ours)
		}
		if diff := cmp.Diff(then, now); diff != "" {
			t.Fatalf("taking out of %q, now %q: %s", out, got, diff)
		}
	})
}

// onlyLines says where edits take away other than whole lines of those with the
// sums, each once.
func onlyLines(src []byte, edits []Edit, sums []string) error {
	sums = slices.Clone(sums)
	for _, e := range edits {
		line := string(src[e.Start:e.End])
		i := slices.Index(sums, lineSum(strings.TrimRight(line, "\r\n")))
		if e.New != "" || i < 0 || e.Start > 0 && !endsLine(src[:e.Start]) && e.Start != len("\ufeff") {
			return fmt.Errorf("%q goes", line)
		}
		sums = slices.Delete(sums, i, i+1)
	}
	return nil
}
