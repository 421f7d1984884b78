// Command mockoidc serves github.com/oauth2-proxy/mockoidc, a peer of the local
// AuthKit, on the loopback port that it is given. It is a module of its own, so
// that what only the benchmark wants is no dependency of authfit.
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/oauth2-proxy/mockoidc"
)

func main() {
	if err := serve("127.0.0.1:" + os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "mockoidc:", err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	m, err := mockoidc.NewServer(nil)
	if err != nil {
		return err
	}
	m.ClientID, m.ClientSecret = "client", "secret"
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if err := m.Start(listener, nil); err != nil {
		return err
	}
	select {}
}
