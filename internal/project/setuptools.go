package project

import (
	"strings"

	"authfit/internal/pysyntax"
)

// readSetupCfg reads the lists of setuptools' declarative file: the INI of
// Python's configparser, of which it needs sections, keys and values that go
// on in indented lines.
func (m *manifests) readSetupCfg(file string) {
	src, ok := m.read(file)
	if !ok {
		return
	}
	section, key := "", ""
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(src), "\ufeff")) {
		n++
		line = strings.TrimRight(line, "\r\n")
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			m.setupCfgValue(section, key, text, file, n)
			continue
		}
		if text[0] == '[' {
			section, key = strings.Trim(text, "[]"), ""
			continue
		}
		i := strings.IndexAny(text, "=:")
		if i < 0 {
			continue
		}
		key = strings.TrimSpace(text[:i])
		if value := strings.TrimSpace(text[i+1:]); value != "" {
			m.setupCfgValue(section, key, value, file, n)
		}
	}
}

func (m *manifests) setupCfgValue(section, key, value, file string, line int) {
	group := ""
	switch {
	case section == "options" && key == "python_requires":
		m.require(strings.Join(strings.Fields(value), ""), "python_requires = "+value, file, line)
		return
	case section == "options" && key == "install_requires":
	case section == "options.extras_require" && key != "":
		group = key
	default:
		return
	}
	if strings.HasPrefix(value, "file:") {
		return // that file is a requirements file, read by its own name
	}
	if i := strings.Index(value, " #"); i >= 0 {
		value = value[:i]
	}
	m.add(value, group, file, line)
}

// readSetupPy reads the literal arguments of setup(). What is computed is not
// known; nothing is run.
func (m *manifests) readSetupPy(file string) {
	if !within(file) || !m.scan.tree.Has(file) {
		return
	}
	f, _ := m.scan.tree.Python(file)
	if f == nil {
		return
	}
	f.Walk(func(n pysyntax.Node) bool {
		call, ok := n.(*pysyntax.Call)
		if !ok {
			return true
		}
		if name := pysyntax.Dotted(call.Func); name != "setup" && !strings.HasSuffix(name, ".setup") {
			return true
		}
		m.setupPyList(f, file, call.Keyword("install_requires"), "")
		if extras, ok := call.Keyword("extras_require").(*pysyntax.Dict); ok {
			for i, k := range extras.Keys {
				if group, ok := f.StringValue(k); ok {
					m.setupPyList(f, file, extras.Values[i], group)
				}
			}
		}
		if v := call.Keyword("python_requires"); v != nil {
			if s, ok := f.StringValue(v); ok {
				m.require(strings.Join(strings.Fields(s), ""), "python_requires="+quoted(s), file, f.Line(v.Pos()))
			}
		}
		return true
	})
}

func (m *manifests) setupPyList(f *pysyntax.File, file string, e pysyntax.Expr, group string) {
	var elts []pysyntax.Expr
	switch list := e.(type) {
	case *pysyntax.List:
		elts = list.Elts
	case *pysyntax.Tuple:
		elts = list.Elts
	}
	for _, elt := range elts {
		if s, ok := f.StringValue(elt); ok {
			m.add(s, group, file, f.Line(elt.Pos()))
		}
	}
}
