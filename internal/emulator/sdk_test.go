package emulator

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestSDK logs in with the real workos SDK. An answer that it cannot read is a
// failure.
func TestSDK(t *testing.T) {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("run `make test`, or set AUTHFIT_TEST_PYTHON to a Python that has workos installed")
	}
	e := &Emulator{RedirectURIs: []string{testRedirectURI}}
	server, err := e.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "testdata/sdk_login.py")
	cmd.Env = append(os.Environ(),
		"WORKOS_API_KEY="+DefaultAPIKey, "WORKOS_CLIENT_ID="+DefaultClientID, "WORKOS_BASE_URL="+server.URL,
		"REDIRECT_URI="+testRedirectURI, "EMAIL="+DefaultEmail, "PASSWORD="+DefaultPassword,
		"MEMBER="+LocalMember, "NORTH="+NorthOrganizationID, "SOUTH="+SouthOrganizationID,
		"PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "logged in, refreshed and out"; !strings.Contains(string(out), want) {
		t.Fatalf("the script ended before its last line; it printed:\n%s", out)
	}
	t.Logf("%s", out)
}
