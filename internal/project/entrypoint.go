package project

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/pysyntax"
)

// An EntryPoint is a place outside the code that names the app: a command that
// starts it, or a variable.
type EntryPoint struct {
	// Kind is the program (uvicorn, gunicorn, hypercorn, daphne, granian,
	// waitress-serve, uwsgi, flask, fastapi, python) or the variable (FLASK_APP,
	// DJANGO_SETTINGS_MODULE), or tool.fastapi.
	Kind string `json:"kind"`
	// Target is what is named, as written: "pkg.mod:app", "pkg.wsgi", "app.py".
	Target string `json:"target"`
	// Factory says that the target is called to get the app.
	Factory bool `json:"factory,omitempty"`
	// Dir is the folder that the name is relative to, as far as the line says
	// it, relative to the root.
	Dir  string `json:"dir"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Module and object of the target "pkg.mod:obj"; the object may be empty.
func (e EntryPoint) Module() (module, object string) {
	module, object, _ = strings.Cut(strings.TrimSuffix(e.Target, "()"), ":")
	return module, object
}

var (
	reIdentifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	reTarget     = regexp.MustCompile(`^[A-Za-z_][\w]*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.\w+)*(\(\))?$`)
	reModule     = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$`)
	// The words of a command, of a shell, of JSON's or YAML's list of strings.
	reWords    = regexp.MustCompile(`[^\s"'\[\],;&|` + "`" + `]+|[;&|]+`)
	reVariable = regexp.MustCompile(`\b(FLASK_APP|DJANGO_SETTINGS_MODULE)["']?\s*(?:[:=,]\s*|\s+)["']?([^\s"',]+)`)

	servers = []string{"uvicorn", "gunicorn", "hypercorn", "daphne", "granian", "waitress-serve", "uwsgi"}
)

// EntryPoints are the places that name an app: those in the code, then the
// others in the order of the files. The slice is the tree's own.
func (t *Tree) EntryPoints() []EntryPoint {
	t.entriesOnce.Do(func() { t.entries = append(t.launchers(), t.commandFiles()...) })
	return t.entries
}

// commandFiles are the places that name an app in files that start programs.
func (t *Tree) commandFiles() []EntryPoint {
	var out []EntryPoint
	files := t.files
	for _, f := range []string{".env", ".flaskenv"} { // git ignores them as a rule
		if !t.Exists(f) && t.Has(f) {
			files = append(slices.Clone(files), f)
		}
	}
	for _, f := range files {
		base := path.Base(f)
		switch {
		case base == "pyproject.toml":
			out = append(out, t.fastapiTable(f)...)
			out = append(out, t.commands(f)...)
		case base == ".env" || base == ".flaskenv":
			out = append(out, t.variables(f)...)
		case namesCommands(f, base):
			out = append(out, t.commands(f)...)
		}
	}
	return out
}

// launchers are the places in the project's own code that name an app to a
// server: uvicorn.run("pkg.mod:app").
func (t *Tree) launchers() []EntryPoint {
	var out []EntryPoint
	for _, server := range servers {
		for name, f := range t.Importing(strings.ReplaceAll(server, "-serve", "")) {
			f.Walk(func(n pysyntax.Node) bool {
				s, ok := n.(*pysyntax.String)
				if !ok {
					return true
				}
				if target, ok := f.StringValue(s); ok && reTarget.MatchString(target) {
					out = append(out, newEntryPoint(server, target, path.Dir(name), name, f.Line(s.Pos())))
				}
				return true
			})
		}
	}
	return out
}

// namesCommands says whether a file is of a kind that starts programs.
func namesCommands(file, base string) bool {
	lower := strings.ToLower(base)
	switch strings.ToLower(path.Ext(base)) {
	case ".sh":
		return strings.Count(file, "/") <= 2
	case ".yml", ".yaml":
		return strings.Contains(lower, "compose") || lower == "render.yaml" || lower == "heroku.yml" || lower == "app.yaml" || lower == "apprunner.yaml"
	case ".toml":
		return lower == "fly.toml" || lower == "nixpacks.toml" || lower == "railway.toml" || lower == "pixi.toml"
	case ".json":
		return lower == "railway.json" || lower == "package.json"
	case ".service":
		return true
	}
	for _, stem := range []string{"procfile", "dockerfile", "containerfile", "makefile", "justfile"} {
		if lower == stem || strings.HasPrefix(lower, stem+".") || strings.HasSuffix(lower, "."+stem) {
			return true
		}
	}
	return false
}

// fastapiTable reads [tool.fastapi] entrypoint = "pkg.mod:app".
func (t *Tree) fastapiTable(file string) []EntryPoint {
	src, err := t.Read(file)
	if err != nil {
		return nil
	}
	doc, _ := parseTOML(src)
	v := doc.get("tool", "fastapi", "entrypoint")
	if v.str() == "" {
		return nil
	}
	return []EntryPoint{{Kind: "tool.fastapi", Target: v.str(), Dir: path.Dir(file), File: file, Line: v.line}}
}

// variables reads the two names that matter of an environment file, and no
// other.
func (t *Tree) variables(file string) []EntryPoint {
	src, err := t.Read(file)
	if err != nil {
		return nil
	}
	env := edit.ParseEnv(src)
	var out []EntryPoint
	for _, key := range []string{"FLASK_APP", "DJANGO_SETTINGS_MODULE"} {
		if v, line, ok := env.Get(key); ok && v != "" {
			out = append(out, newEntryPoint(key, v, path.Dir(file), file, line))
		}
	}
	return out
}

func newEntryPoint(kind, target, dir, file string, line int) EntryPoint {
	return EntryPoint{Kind: kind, Target: strings.TrimSuffix(target, "()"), Factory: strings.HasSuffix(target, ")"), Dir: dir, File: file, Line: line}
}

// commands finds commands and variables in the lines of a file of any of the
// kinds, without knowing its grammar.
func (t *Tree) commands(file string) []EntryPoint {
	src, err := t.Read(file)
	if err != nil || len(src) > 1<<20 {
		return nil
	}
	var out []EntryPoint
	n, first, joined := 0, 0, ""
	for line := range strings.Lines(string(src)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		if first == 0 {
			first = n
		}
		if body, more := strings.CutSuffix(line, `\`); more && len(joined) < 1<<16 {
			joined += body + " "
			continue
		}
		out = append(out, lineEntryPoints(joined+line, file, first)...)
		joined, first = "", 0
	}
	if joined != "" {
		out = append(out, lineEntryPoints(joined, file, first)...)
	}
	return out
}

func lineEntryPoints(line, file string, n int) []EntryPoint {
	var out []EntryPoint
	dir := path.Dir(file)
	for _, m := range reVariable.FindAllStringSubmatch(line, -1) {
		if !strings.ContainsAny(m[2], "${}") {
			out = append(out, newEntryPoint(m[1], m[2], dir, file, n))
		}
	}
	words := reWords.FindAllString(line, -1)
	for i, w := range words {
		program := path.Base(w)
		rest := words[i+1:]
		if end := slices.IndexFunc(rest, func(w string) bool { return strings.Trim(w, ";&|") == "" }); end >= 0 {
			rest = rest[:end]
		}
		at := dir
		for j := 0; j+1 < len(words); j++ { // where the command is run from
			switch name := words[j]; {
			case name == "cd" && j < i, (name == "--chdir" || name == "--app-dir") && j > i:
				at = folder(dir, words[j+1])
			case (strings.HasPrefix(name, "--chdir=") || strings.HasPrefix(name, "--app-dir=")) && j > i:
				_, v, _ := strings.Cut(name, "=")
				at = folder(dir, v)
			}
		}
		e := EntryPoint{}
		switch {
		case slices.Contains(servers, program):
			e = server(program, rest)
		case program == "flask":
			e.Target = flag(rest, "--app", "-A")
		case program == "fastapi" && len(rest) > 1 && (rest[0] == "run" || rest[0] == "dev"):
			e.Target = firstMatch(rest[1:], func(w string) bool { return strings.HasSuffix(w, ".py") })
		case (program == "python" || program == "python3") && len(rest) > 0 && strings.HasSuffix(rest[0], ".py"):
			e.Target = rest[0]
		}
		if e.Target != "" {
			e2 := newEntryPoint(program, e.Target, at, file, n)
			e2.Factory = e2.Factory || slices.Contains(rest, "--factory")
			out = append(out, e2)
		}
	}
	return out
}

// server is the target among the arguments of an application server.
func server(program string, args []string) EntryPoint {
	if t := firstMatch(args, reTarget.MatchString); t != "" {
		return EntryPoint{Target: t}
	}
	// gunicorn and uwsgi take "pkg.wsgi", whose object is "application".
	if len(args) > 0 && reModule.MatchString(args[0]) && (program == "gunicorn" || program == "daphne") {
		return EntryPoint{Target: args[0]}
	}
	return EntryPoint{Target: firstMatch(args, func(w string) bool {
		return reModule.MatchString(w) && (strings.HasSuffix(w, ".wsgi") || strings.HasSuffix(w, ".asgi"))
	})}
}

func firstMatch(words []string, ok func(string) bool) string {
	if i := slices.IndexFunc(words, ok); i >= 0 {
		return words[i]
	}
	return ""
}

// flag is the value of an option, behind it or joined by "=".
func flag(args []string, names ...string) string {
	for i, a := range args {
		for _, name := range names {
			if a == name && i+1 < len(args) {
				return args[i+1]
			}
			if v, ok := strings.CutPrefix(a, name+"="); ok {
				return v
			}
		}
	}
	return ""
}

// folder is dir changed by a relative path that stays in the project, and dir
// itself for any other.
func folder(dir, change string) string {
	if to := path.Join(dir, change); !path.IsAbs(change) && within(to) && !strings.ContainsAny(change, "${}") {
		return to
	}
	return dir
}
