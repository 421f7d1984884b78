package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

func TestText(t *testing.T) {
	tests := []struct {
		name        string
		p           *Problem
		error, text string
	}{
		{"summary", New("c", "%d apps", 2), "2 apps", "2 apps"},
		{"file", New("c", "s").At("a.py", 0), "a.py: s", "a.py: s"},
		{"file and line", New("c", "s").At("a.py", 3), "a.py:3: s", "a.py:3: s"},
		{"line without a file", New("c", "s").At("", 3), "s", "s"},
		{
			"all", New("c", "s").At("a.py", 3).WithDetail("one\ntwo %d\n", 2).WithFix("do %s", "it"),
			"a.py:3: s", "a.py:3: s\n  one\n  two 2\n  fix: do it",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.Error(); got != tt.error {
				t.Errorf("Error: got %q, want %q", got, tt.error)
			}
			if got := tt.p.Text(); got != tt.text {
				t.Errorf("Text: got %q, want %q", got, tt.text)
			}
		})
	}
}

func TestIsAnError(t *testing.T) {
	p := New("c", "s")
	var got *Problem
	if err := fmt.Errorf("around: %w", p); !errors.As(err, &got) || got != p {
		t.Errorf("errors.As found %v in %v", got, err)
	}
}

func TestJSON(t *testing.T) {
	tests := []struct {
		p    *Problem
		want string
	}{
		{New("c", "s"), `{"code":"c","summary":"s"}`},
		{
			New("c", "s").At("a.py", 3).WithDetail("d").WithFix("f"),
			`{"code":"c","summary":"s","detail":"d","fix":"f","file":"a.py","line":3}`,
		},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.p)
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v; want %s", got, err, tt.want)
		}
	}
}
