package emulator

import (
	"errors"
	"net"
)

// Listen opens a TCP listener on addr ("127.0.0.1:4100", "localhost:0", "[::1]:4100").
// Anything but a loopback address is an error.
func Listen(addr string) (net.Listener, error) {
	return nil, errors.New("not served yet")
}

// Server is an emulator that is listening.
type Server struct {
	// URL is its base URL, without a slash at the end: what WORKOS_BASE_URL is set to.
	URL string
}

// Start listens on addr (see Listen; port 0 picks a free one) and serves until Close.
func (e *Emulator) Start(addr string) (*Server, error) {
	return nil, errors.New("not served yet")
}

// Close stops the server, its listener and its connections.
func (s *Server) Close() error { return nil }
