package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// module is a Python module as services have many: functions, and no app.
var module = "import json\nfrom typing import Any\n\n" + strings.Repeat(`
def f(a: int, b: str = "x") -> dict[str, Any]:
    value = {"a": a, "b": b}
    if a > 1:
        return json.loads(json.dumps(value))
    return value

`, 12)

// app makes one app of some number of files in dir: the one that makes the
// object, its manifest, modules in packages, and as many files that are not
// Python.
func app(dir, framework string, files int) error {
	class := map[string]string{"flask": "Flask(__name__)", "fastapi": "FastAPI()"}[framework]
	name, _, _ := strings.Cut(class, "(")
	all := map[string]string{
		"app.py":           "from " + framework + " import " + name + "\n\napp = " + class + "\n",
		"requirements.txt": framework + "\n",
	}
	if framework == "django" {
		delete(all, "app.py")
		all["manage.py"] = "import os\nimport sys\n\nif __name__ == \"__main__\":\n    os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"conf.settings\")\n    from django.core.management import execute_from_command_line\n\n    execute_from_command_line(sys.argv)\n"
		all["conf/__init__.py"] = ""
		all["conf/settings.py"] = "ROOT_URLCONF = \"conf.urls\"\nINSTALLED_APPS = [\"django.contrib.sessions\"]\nMIDDLEWARE = []\nTEMPLATES = []\n"
		all["conf/urls.py"] = "from django.urls import path\n\nurlpatterns = []\n"
	}
	for i := 0; len(all) < files; i++ {
		all[fmt.Sprintf("lib/p%d/m%d.py", i/20, i)] = module
		if len(all) < files {
			all[fmt.Sprintf("static/d%d/a%d.js", i/20, i)] = strings.Repeat("export const a = 1;\n", 20)
		}
	}
	for name, text := range all {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// inspections measure inspect on a typical app, beside the framework's own
// search for the app, and on a monorepo.
func (b *bench) inspections() error {
	python, err := b.peers()
	if err != nil {
		return err
	}
	if python, err = filepath.Abs(python); err != nil {
		return err
	}
	for framework, search := range map[string]string{
		"fastapi": "from fastapi_cli.discover import get_import_data; get_import_data()",
		"flask":   "from flask.cli import ScriptInfo; ScriptInfo().load_app()",
	} {
		dir := filepath.Join(b.dir, "typical-"+framework)
		if err := app(dir, framework, 200); err != nil {
			return err
		}
		fmt.Printf("\ninspect, on an app of 200 files: %s\n", framework)
		if err := b.inspectBeside(dir, 21, framework+"'s own search", python, "-c", search); err != nil {
			return err
		}
	}
	mono := filepath.Join(b.dir, "monorepo")
	for i := range 200 {
		framework := []string{"flask", "fastapi", "django"}[i%3]
		if err := app(filepath.Join(mono, fmt.Sprintf("services/s%03d", i)), framework, 250); err != nil {
			return err
		}
	}
	fmt.Println("\ninspect, on a monorepo of 200 apps and 50,000 files")
	return b.inspectBeside(mono, 11, "", "")
}

// inspectBeside prints what inspect takes in a folder, beside listing the files
// and, where it is given, another program.
func (b *bench) inspectBeside(dir string, n int, what string, argv ...string) error {
	rg, err := filepath.Abs(filepath.Join(benchEnv, "bin", "rg"))
	if err != nil {
		return err
	}
	memory := 0.0
	each := []func() (time.Duration, error){
		func() (time.Duration, error) {
			cmd := exec.CommandContext(b.ctx, b.authfit, "inspect")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "VIRTUAL_ENV=")
			start := time.Now()
			err := cmd.Run()
			took := time.Since(start)
			if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
				memory = max(memory, float64(usage.Maxrss)/1024)
			}
			return took, err
		},
		func() (time.Duration, error) { return b.timed(dir, rg, "--files") },
		func() (time.Duration, error) {
			return b.timed(dir, "ruff", "check", "--select", "F821", "--no-cache", "--quiet", "--exit-zero", ".")
		},
	}
	if what != "" {
		each = append(each, func() (time.Duration, error) { return b.timed(dir, argv...) })
	}
	t, err := medians(n, each...)
	if err != nil {
		return err
	}
	row("authfit inspect", t[0], 0, fmt.Sprintf("%.0f MB at most", memory))
	row("rg --files", t[1], t[0], "")
	row("ruff check --select F821 --no-cache", t[2], t[0], "")
	if what != "" {
		row(what, t[3], t[0], "")
	}
	return nil
}
