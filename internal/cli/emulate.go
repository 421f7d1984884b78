package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"authfit/internal/edit"
	"authfit/internal/emulator"
)

func newEmulate(app *App) *cobra.Command {
	addr := emulator.DefaultAddr
	var redirects []string
	cmd := &cobra.Command{
		Use:   "emulate",
		Short: "Run a local AuthKit for the project",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.emulate(cmd.Context(), addr, redirects) },
	}
	cmd.Flags().StringVar(&addr, "addr", addr, "where to listen; loopback only")
	cmd.Flags().StringArrayVar(&redirects, "redirect-uri", nil, "a redirect URI to register, besides the one in .env")
	return cmd
}

// emulate serves until it is interrupted. It takes the client id, the key and
// the redirect URI that the project's .env has for its own.
func (a *App) emulate(ctx context.Context, addr string, redirects []string) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	e := &emulator.Emulator{RedirectURIs: redirects}
	if src, err := os.ReadFile(filepath.Join(dir, ".env")); err == nil {
		env := edit.ParseEnv(src)
		e.APIKey, _, _ = env.Get("WORKOS_API_KEY")
		e.ClientID, _, _ = env.Get("WORKOS_CLIENT_ID")
		if uri, _, ok := env.Get("WORKOS_REDIRECT_URI"); ok && uri != "" {
			e.RedirectURIs = append(e.RedirectURIs, uri)
		}
	}
	if cache, err := os.UserCacheDir(); err == nil {
		key := filepath.Join(cache, "authfit", "emulator.pem")
		if os.MkdirAll(filepath.Dir(key), 0o700) == nil {
			e.KeyFile = key
		}
	}
	server, err := e.Start(addr)
	if err != nil {
		return err
	}
	if a.json() {
		if err := a.writeJSON(map[string]any{"schema": "authfit.emulate/1", "url": server.URL, "redirect_uris": e.RedirectURIs}); err != nil {
			return err
		}
	} else {
		a.print("a local AuthKit is at %s; sign in as %s with the password %s", server.URL, emulator.DefaultEmail, emulator.DefaultPassword)
		a.print("or sign up, or sign in as %s, a member of two organizations, with the same password", emulator.LocalMember)
		for _, uri := range e.RedirectURIs {
			a.print("redirect URI: %s", uri)
		}
		a.print("stop it with Ctrl-C")
	}
	<-ctx.Done()
	return server.Close()
}
