package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"authfit/internal/problem"
)

// Encode writes the plan as JSON, indented, with Schema filled in. Equal plans
// give equal bytes; an empty list is [] and never null.
func (p *Plan) Encode(w io.Writer) error {
	full := p.normal()
	full.Schema = Schema
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode((*plainPlan)(full))
}

// MarshalJSON is the JSON of Encode, for a plan inside another document.
func (p Plan) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Decode reads what Encode wrote and checks it, as somebody may have written
// it by hand. Another schema, an unknown field, anything after the document
// and whatever Check refuses is a *problem.Problem.
func Decode(r io.Reader) (*Plan, error) {
	src, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	bad := problem.New("plan-file", "this is not a plan of authfit").
		WithFix("make it anew: authfit plan -o FILE")
	var head struct{ Schema string }
	if err := json.Unmarshal(src, &head); err != nil {
		return nil, bad.WithDetail("%v", err)
	}
	if head.Schema != Schema {
		return nil, bad.WithDetail("its schema is %q, wanted is %q", head.Schema, Schema)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.DisallowUnknownFields()
	var p plainPlan
	if err := dec.Decode(&p); err != nil {
		return nil, bad.WithDetail("%v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, bad.WithDetail("there is something behind its end")
	}
	full := (*Plan)(&p).normal()
	if err := full.Check(); err != nil {
		return nil, err
	}
	return full, nil
}

// plainPlan is a Plan without MarshalJSON.
type plainPlan Plan

// normal is a copy of p with an empty list for each nil one.
func (p *Plan) normal() *Plan {
	n := *p
	n.Commands = list(n.Commands)
	for i := range n.Commands {
		n.Commands[i].Argv = list(n.Commands[i].Argv)
	}
	n.Files = list(n.Files)
	for i := range n.Files {
		n.Files[i].Edits = list(n.Files[i].Edits)
	}
	n.Env = list(n.Env)
	n.Probes = list(n.Probes)
	if n.Login != nil {
		login := *n.Login
		login.Boot = list(login.Boot)
		n.Login = &login
	}
	n.Restores = list(n.Restores)
	n.SDK.Needs = list(n.SDK.Needs)
	n.Notes = list(n.Notes)
	n.Problems = list(n.Problems)
	return &n
}

// list is a copy of s that is never nil.
func list[T any](s []T) []T {
	return append([]T{}, s...)
}
