package project

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"authfit/internal/problem"
)

// A tomlValue is a value of a TOML document with its place, which is what the
// ordinary decoder forgets and evidence needs.
type tomlValue struct {
	kind       unstable.Kind
	text       string                // of a string; of another scalar its source
	table      map[string]*tomlValue // nil unless a table
	keys       []string              // of table, in the order of the source
	list       []*tomlValue
	line       int
	start, end int // bytes, of a value that is no table; 0, 0 where unknown
}

// parseTOML reads a document. A broken one is a Problem with its line, and no
// value: half a manifest would be taken for all of it.
func parseTOML(src []byte) (*tomlValue, *problem.Problem) {
	body := bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	shift := len(src) - len(body)
	// The decoder knows rules that the parser does not, such as double keys.
	var all map[string]any
	if err := toml.Unmarshal(body, &all); err != nil {
		p := problem.New("manifest-broken", "not valid TOML: %s", err.Error())
		if de, ok := errors.AsType[*toml.DecodeError](err); ok {
			p.Line, _ = de.Position()
			p.Summary = "not valid TOML: " + de.Error()
		}
		return nil, p
	}
	d := tomlReader{line: lineCounter(body), shift: shift}
	d.p.Reset(body)
	root := newTable(1)
	at := root
	for d.p.NextExpression() {
		e := d.p.Expression()
		switch e.Kind {
		case unstable.KeyValue:
			d.keyValue(at, e)
		case unstable.Table:
			path, line := d.key(e)
			at = root.dig(path, line)
		case unstable.ArrayTable:
			path, line := d.key(e)
			parent := root.dig(path[:len(path)-1], line)
			name := path[len(path)-1]
			list := parent.table[name]
			if list == nil || list.kind != unstable.Array {
				list = &tomlValue{kind: unstable.Array, line: line}
				parent.set(name, list)
			}
			at = newTable(line)
			list.list = append(list.list, at)
		}
	}
	if err := d.p.Error(); err != nil {
		return nil, problem.New("manifest-broken", "not valid TOML: %s", err.Error())
	}
	return root, nil
}

type tomlReader struct {
	p     unstable.Parser
	line  func(offset int) int
	shift int
}

func (d *tomlReader) key(e *unstable.Node) (path []string, line int) {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if line == 0 {
			line = d.line(int(n.Raw.Offset))
		}
		path = append(path, string(n.Data))
	}
	return path, line
}

func (d *tomlReader) keyValue(at *tomlValue, e *unstable.Node) {
	path, line := d.key(e)
	at.dig(path[:len(path)-1], line).set(path[len(path)-1], d.value(e.Value(), line))
}

func (d *tomlReader) value(n *unstable.Node, line int) *tomlValue {
	v := &tomlValue{kind: n.Kind, text: string(n.Data), line: line}
	if n.Raw.Length > 0 {
		v.line = d.line(int(n.Raw.Offset))
		v.start = int(n.Raw.Offset) + d.shift
		v.end = v.start + int(n.Raw.Length)
	}
	switch n.Kind {
	case unstable.Array:
		for it := n.Children(); it.Next(); {
			if c := it.Node(); c.Kind != unstable.Comment {
				v.list = append(v.list, d.value(c, v.line))
			}
		}
	case unstable.InlineTable:
		v.table = map[string]*tomlValue{}
		for it := n.Children(); it.Next(); {
			if c := it.Node(); c.Kind == unstable.KeyValue {
				d.keyValue(v, c)
			}
		}
	}
	return v
}

func newTable(line int) *tomlValue {
	return &tomlValue{kind: unstable.Table, table: map[string]*tomlValue{}, line: line}
}

func (v *tomlValue) set(key string, to *tomlValue) {
	if _, ok := v.table[key]; !ok {
		v.keys = append(v.keys, key)
	}
	v.table[key] = to
}

// dig returns the table at path, made where it is not there. In an array of
// tables it is the last one, as TOML has it.
func (v *tomlValue) dig(path []string, line int) *tomlValue {
	for _, key := range path {
		next := v.table[key]
		if next != nil && next.kind == unstable.Array && len(next.list) > 0 {
			next = next.list[len(next.list)-1]
		}
		if next == nil || next.table == nil {
			next = newTable(line)
			v.set(key, next)
		}
		v = next
	}
	return v
}

// get returns the value at the path of keys, or nil. It may be called on nil.
func (v *tomlValue) get(path ...string) *tomlValue {
	for _, key := range path {
		if v == nil || v.table == nil {
			return nil
		}
		v = v.table[key]
	}
	return v
}

// str is the text of a string, and empty for anything else.
func (v *tomlValue) str() string {
	if v == nil || v.kind != unstable.String {
		return ""
	}
	return v.text
}

// boolean is the value of a boolean, and whether it is one.
func (v *tomlValue) boolean() (value, ok bool) {
	if v == nil || v.kind != unstable.Bool {
		return false, false
	}
	value, err := strconv.ParseBool(v.text)
	return value, err == nil
}

// each visits the keys of a table in their order; none for anything else.
func (v *tomlValue) each(visit func(key string, value *tomlValue)) {
	if v == nil {
		return
	}
	for _, k := range v.keys {
		visit(k, v.table[k])
	}
}

// items are the elements of an array; none for anything else.
func (v *tomlValue) items() []*tomlValue {
	if v == nil {
		return nil
	}
	return v.list
}

// A Range is a part of a file, in bytes.
type Range struct{ Start, End int }

// DependencyRanges are the strings of pyproject.toml's [project] dependencies
// (PEP 621), with their quotes; none where there is no such list, or the file is
// broken.
func DependencyRanges(src []byte) []Range {
	doc, p := parseTOML(src)
	if p != nil {
		return nil
	}
	var out []Range
	for _, v := range doc.get("project", "dependencies").items() {
		if v.kind != unstable.String || v.end == 0 {
			return nil
		}
		out = append(out, Range{v.start, v.end})
	}
	return out
}

// lineCounter returns a function that gives the line, from 1, of an offset.
// Offsets that grow are cheap.
func lineCounter(src []byte) func(offset int) int {
	at, line := 0, 1
	return func(offset int) int {
		if offset < at {
			at, line = 0, 1
		}
		offset = min(offset, len(src))
		line += bytes.Count(src[at:offset], []byte("\n"))
		at = offset
		return line
	}
}
