package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/txn"
)

// writePlan writes a plan for add --plan, wholly or not at all. Equal plans give
// equal bytes. What is there and is no plan stays.
func writePlan(file string, p *plan.Plan) error {
	var text bytes.Buffer
	if err := p.Encode(&text); err != nil {
		return err
	}
	if info, err := os.Lstat(file); err == nil {
		old, err := os.ReadFile(file)
		if err != nil || !info.Mode().IsRegular() || !bytes.Contains(old[:min(len(old), 100)], []byte(plan.Schema)) {
			return problem.New("plan-file", "this is there already, and is no plan of authfit").At(file, 0).
				WithFix("give another name: authfit plan -o FILE")
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".authfit-plan-*")
	if err == nil {
		_, err = tmp.Write(text.Bytes())
		err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
		if err == nil {
			err = os.Rename(tmp.Name(), file)
		}
		if err != nil {
			os.Remove(tmp.Name())
		}
	}
	if err != nil {
		return problem.New("plan-file", "the plan cannot be written: %v", err).At(file, 0).
			WithFix("give a file in a folder that can be written: authfit plan -o FILE")
	}
	return nil
}

// reread is a plan as it comes out of its file.
func reread(p *plan.Plan) (*plan.Plan, error) {
	var text bytes.Buffer
	if err := p.Encode(&text); err != nil {
		return nil, err
	}
	return plan.Decode(&text)
}

// onlyPlan refuses flags that say what to plan beside a plan that is made.
func onlyPlan(flags *pflag.FlagSet) error {
	var err error
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "app", "framework", "manager", "url-prefix", "with", "users", "upgrade-sdk", "no-install", "offline":
			err = problem.New("usage", "--%s does not go with --plan: the plan was made with the flags that it was made with", f.Name).
				WithFix("make a plan with it: authfit plan -o FILE --%s ...", f.Name)
		}
	})
	return err
}

// planFrom reads a plan and holds it against the project: its files have to be
// those that it was made for, and what it runs has to be what authfit itself
// would run here, since a plan may have been written by somebody else.
func (a *App) planFrom(ctx context.Context, file string) (*planned, error) {
	given, err := readPlan(file)
	if err != nil {
		return nil, err
	}
	if err := firstProblem(given); err != nil {
		return nil, err
	}
	o := given.Options
	a.AppFlag, a.Framework, a.Manager, a.URLPrefix, a.Offline = o.App, o.Framework, o.Manager, o.URLPrefix, o.Offline
	a.With, a.Users, a.UpgradeSDK = o.With, o.Users, o.UpgradeSDK
	if err := a.checkFlags(); err != nil {
		return nil, err
	}
	dir, err := a.dir()
	if err != nil {
		return nil, err
	}
	if err := a.recover(ctx, dir, false); err != nil {
		return nil, err
	}
	if err := txn.Check(txn.Options{Root: dir, Plan: given, Values: localValue}); err != nil {
		return nil, err
	}
	p, err := a.prepare(ctx, o.NoInstall)
	if err != nil {
		return nil, err
	}
	if err := firstProblem(p.plan); err != nil {
		return nil, err
	}
	here, err := reread(p.plan)
	if err != nil {
		return nil, err
	}
	if p := sameRuns(given, here, p.project.Env); p != nil {
		return nil, p.At(file, 0)
	}
	p.plan = given
	return p, nil
}

func readPlan(file string) (*plan.Plan, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, problem.New("plan-file", "the plan cannot be read: %v", err).At(file, 0).
			WithFix("give the file that `authfit plan -o FILE` wrote")
	}
	defer f.Close()
	p, err := plan.Decode(f)
	var prob *problem.Problem
	if errors.As(err, &prob) {
		return nil, prob.At(file, 0)
	}
	return p, err
}

// sameRuns refuses a plan that would run something else than the one made here,
// or add other keys to the environment file. A key that is there by now is left
// out when the plan is applied.
func sameRuns(given, here *plan.Plan, env project.Env) *problem.Problem {
	foreign := problem.New("plan-foreign", "this plan does not run what authfit would run in this project").
		WithFix("make it here, and from the project as it is now: authfit plan -o FILE")
	for _, k := range given.Env {
		there := k.File == env.File && env.Keys[k.Key] != "" && env.Keys[k.Key] != project.KeyMissing
		if !there && !slices.Contains(here.Env, k) {
			return foreign.WithDetail("it adds %s to %s, which has changed since, or the plan has", k.Key, k.File)
		}
	}
	for _, k := range here.Env {
		if !slices.Contains(given.Env, k) {
			return foreign.WithDetail("%s lacks %s, which the plan does not add: one of them has changed since", k.File, k.Key)
		}
	}
	for _, part := range []struct {
		name        string
		given, here any
	}{
		{"commands", given.Commands, here.Commands}, {"files that the commands change", given.Restores, here.Restores},
		{"checks", given.Probes, here.Probes}, {"login", given.Login, here.Login},
		{"interpreter", given.Python, here.Python}, {"SDK", given.SDK, here.SDK},
	} {
		if g, h := asJSON(part.given), asJSON(part.here); g != h {
			return foreign.WithDetail("its %s: %s\nhere: %s", part.name, g, h)
		}
	}
	return nil
}

func asJSON(part any) string {
	text, err := json.Marshal(part)
	if err != nil {
		return fmt.Sprint(part)
	}
	return string(text)
}
