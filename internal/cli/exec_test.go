package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// runners are the files of the program that start another one.
var runners = []string{
	"cli/try.go", "devserver/browser.go", "git/git.go", "manager/manager.go", "manager/run.go", "manager/run_windows.go", "project/python.go", "verify/process.go",
}

// shells are what would take a command line apart.
var shells = []string{"sh", "bash", "zsh", "ksh", "fish", "cmd.exe", "powershell", "powershell.exe", "pwsh"}

// TestNoShell reads the program's own source: few files start programs, none
// starts a shell, and what a Python is told to run is written there and nowhere
// else.
func TestNoShell(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Dir}}", "authfit/cmd/authfit").Output()
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		room, ours := strings.CutPrefix(path, "authfit/")
		if !ours {
			continue
		}
		fset := token.NewFileSet()
		pkgs, err := parser.ParseDir(fset, dir, func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // for files of every system
		if err != nil {
			t.Fatal(err)
		}
		for _, pkg := range pkgs {
			constants := constantsOf(pkg)
			for name, file := range pkg.Files {
				at := strings.TrimPrefix(room, "internal/") + "/" + filepath.Base(name)
				ast.Inspect(file, func(n ast.Node) bool {
					if starts(n) {
						seen = append(seen, at)
						if !slices.Contains(runners, at) {
							t.Errorf("%s starts a program", fset.Position(n.Pos()))
						}
					}
					if text := textOf(n); slices.Contains(shells, strings.TrimPrefix(text, "/bin/")) && text != "" {
						t.Errorf("%s names a shell: %q", fset.Position(n.Pos()), text)
					}
					if code := codeBehind(n); code != nil && !isConstant(code, constants) && at != "recipe/fastapi/plan.go" {
						t.Errorf("%s: what is to run is made here", fset.Position(code.Pos()))
					}
					return true
				})
			}
		}
	}
	for _, r := range runners {
		if !slices.Contains(seen, r) {
			t.Errorf("%s starts nothing: take it off the list", r)
		}
	}
}

// starts says whether a node is a call that starts a program.
func starts(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := fun.X.(*ast.Ident)
	return ok && slices.Contains([]string{"exec.Command", "exec.CommandContext", "os.StartProcess", "syscall.Exec", "syscall.ForkExec", "syscall.StartProcess"}, pkg.Name+"."+fun.Sel.Name)
}

// textOf is a string literal.
func textOf(n ast.Node) string {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

// codeBehind is what follows "-c" in a list of arguments. Behind git's is a
// setting.
func codeBehind(n ast.Node) ast.Expr {
	var list []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		list = n.Args
	case *ast.CompositeLit:
		list = n.Elts
	}
	for i, e := range list {
		if textOf(e) == "-c" && i+1 < len(list) {
			return list[i+1]
		}
	}
	return nil
}

func constantsOf(pkg *ast.Package) map[string]bool { //nolint:staticcheck // as above
	names := map[string]bool{}
	for _, file := range pkg.Files {
		for _, d := range file.Decls {
			if gen, ok := d.(*ast.GenDecl); ok && gen.Tok == token.CONST {
				for _, spec := range gen.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}

func isConstant(e ast.Expr, constants map[string]bool) bool {
	if name, ok := e.(*ast.Ident); ok {
		return constants[name.Name]
	}
	if sum, ok := e.(*ast.BinaryExpr); ok { // git's "core.hooksPath=" + os.DevNull
		return isConstant(sum.X, constants) && isConstant(sum.Y, constants)
	}
	if sel, ok := e.(*ast.SelectorExpr); ok {
		pkg, ok := sel.X.(*ast.Ident)
		return ok && pkg.Name == "os" && sel.Sel.Name == "DevNull"
	}
	return textOf(e) != ""
}
