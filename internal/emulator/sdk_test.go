package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"authfit/internal/sdks"
)

const (
	// lookedAt is a user whom the app's own people look at the app as.
	lookedAt        = "looked.at@example.test"
	northConnection = "conn_local_north"
)

// TestSDK drives the emulator through every flow that the workos SDK has a
// method for, with every version that matters and with both of its clients. An
// answer that it cannot read is a failure, and so is one that is not as WorkOS's
// public OpenAPI description has it.
func TestSDK(t *testing.T) {
	for _, version := range sdks.Versions {
		for _, client := range []string{"sync", "async"} {
			t.Run(version+"/"+client, func(t *testing.T) {
				t.Parallel()
				python, err := sdks.Python(t.Context(), "../../.cache", version)
				if err != nil {
					t.Fatal(err)
				}
				runSDK(t, python, client)
			})
		}
	}
}

// runSDK has an emulator of its own for testdata/sdk_main.py and makes a test of
// each part of it.
func runSDK(t *testing.T, python, client string) {
	var clock atomic.Value // a func() time.Time
	clock.Store(time.Now)
	e := &Emulator{
		RedirectURIs: []string{testRedirectURI},
		Users: append(DefaultUsers(), User{
			Email: lookedAt, Password: DefaultPassword, EmailVerified: true,
			Impersonator: &Impersonator{Email: "support@example.test", Reason: "a ticket"},
		}),
		Connections: []Connection{
			{ID: northConnection, OrganizationID: NorthOrganizationID, Name: "North Staff", Type: "OktaSAML", Domains: []string{"north.test"}},
			{OrganizationID: SouthOrganizationID, Name: "South Staff", Domains: []string{"south.test"}, Required: true},
		},
		Now: func() time.Time { return clock.Load().(func() time.Time)() },
	}
	d := readDescribed(t)
	server := httptest.NewServer(d.watch(e))
	defer server.Close()
	mfa, err := (&Emulator{RequireMFA: true}).Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mfa.Close()
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seconds, err := strconv.ParseInt(r.FormValue("seconds"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		now, ahead := time.Now(), time.Duration(seconds)*time.Second
		if r.FormValue("stopped") != "" {
			clock.Store(func() time.Time { return now.Add(ahead) })
		} else {
			clock.Store(func() time.Time { return time.Now().Add(ahead) })
		}
	}))
	defer control.Close()

	cmd := exec.CommandContext(t.Context(), python, "testdata/sdk_main.py", client)
	cmd.Env = append(os.Environ(),
		"WORKOS_API_KEY="+DefaultAPIKey, "WORKOS_CLIENT_ID="+DefaultClientID, "WORKOS_BASE_URL="+server.URL,
		"REDIRECT_URI="+testRedirectURI, "EMAIL="+DefaultEmail, "PASSWORD="+DefaultPassword,
		"MEMBER="+LocalMember, "NORTH="+NorthOrganizationID, "SOUTH="+SouthOrganizationID, "LOOKED_AT="+lookedAt,
		"CONNECTION="+northConnection, "MFA_BASE_URL="+mfa.URL,
		"CONTROL="+control.URL, "PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=127.0.0.1")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	last := ""
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var part struct{ Part, Wrong string }
		if err := json.Unmarshal(lines.Bytes(), &part); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		last = part.Part
		t.Run(part.Part, func(t *testing.T) {
			if part.Wrong != "" {
				t.Error(part.Wrong)
			}
		})
	}
	t.Run("described", d.report)
	if err != nil || last != "methods" || complaints.Len() > 0 {
		t.Errorf("the script did not come to its end: %v, after %q\n%s", err, last, complaints.String())
	}
}

// TestSDKScripts holds testdata to what sdk_main.py runs: a script that is not
// in its list would never run.
func TestSDKScripts(t *testing.T) {
	main, err := os.ReadFile("testdata/sdk_main.py")
	if err != nil {
		t.Fatal(err)
	}
	scripts, _ := filepath.Glob("testdata/sdk_*.py")
	if len(scripts) < 3 {
		t.Fatalf("the scripts are not where they were: %v", scripts)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".py")
		if name != "sdk_main" && !bytes.Contains(main, []byte("import "+name+"\n")) && name != "sdk_kit" {
			t.Errorf("sdk_main.py does not run %s", script)
		}
	}
}
