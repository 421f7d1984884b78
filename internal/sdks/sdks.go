// Package sdks gives tests an interpreter with any of the workos SDKs that
// authfit is held against.
package sdks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"authfit/internal/manager"
	"authfit/internal/project"
)

// Versions are those to try: the last one is that of the tests' own environment.
var Versions = []string{"5.46.0", "8.3.0", "9.1.0", manager.WorkOS.Version}

// Python is the interpreter of an environment with the frameworks and a version
// of the SDK, made at first use. cache is the repository's own .cache.
func Python(ctx context.Context, cache, version string) (string, error) {
	own := os.Getenv("AUTHFIT_TEST_PYTHON")
	if own == "" {
		return "", errors.New("AUTHFIT_TEST_PYTHON names no Python: run make, or source .cache/env")
	}
	if version == manager.WorkOS.Version {
		return own, nil
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return "", err
	}
	if old := filepath.Join(cache, "sdk5"); installed(old) == version {
		return filepath.Join(old, "bin", "python"), nil
	}
	dir := filepath.Join(cache, "checklist", version)
	if installed(dir) != version {
		if err := install(ctx, dir, version, own); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "bin", "python"), nil
}

// install makes an environment: what tools/sdk.txt pins, with another SDK. It
// takes its place when it is whole, since the tests of several packages run at
// the same time.
func install(ctx context.Context, dir, version, python string) error {
	pins, err := os.ReadFile(filepath.Join(dir, "..", "..", "..", "tools", "sdk.txt"))
	if err != nil {
		return err
	}
	var frameworksOnly strings.Builder
	for line := range strings.Lines(string(pins)) {
		if !needs.MatchString(line) {
			frameworksOnly.WriteString(line)
		}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), version+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(made) }() // gone by then, or of no use
	list := filepath.Join(made, "requirements.txt")
	if err := os.WriteFile(list, []byte(frameworksOnly.String()), 0o600); err != nil {
		return err
	}
	for _, argv := range [][]string{
		{"uv", "venv", "--quiet", "--relocatable", "--allow-existing", "--python", python, made},
		{"uv", "pip", "install", "--quiet", "--python", made, "--requirement", list, "workos==" + version},
	} {
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
		}
	}
	if err := os.Rename(made, dir); err != nil && installed(dir) != version {
		return err
	}
	return nil
}

// needs are the packages of which each SDK needs its own versions.
var needs = regexp.MustCompile(`(?i)^(workos|cryptography|httpx2?|httpcore2?|pyjwt)\b`)

// installed is the version of the SDK that an environment has.
func installed(dir string) string {
	found, _ := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages"))
	return project.InstalledVersion(found, "workos")
}
