package project

import "strings"

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
