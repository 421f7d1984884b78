package emulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

// Listen opens a TCP listener on addr, such as "127.0.0.1:4100", "localhost:0"
// or "[::1]:4100". Anything but loopback is refused: this server signs in
// whoever knows a password that everybody knows.
func Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w (write it as 127.0.0.1:4100)", addr, err)
	}
	// Not looked up: a resolver may answer anything, even for localhost.
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	ip := net.ParseIP(host)
	if ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("address %q is not on loopback; the emulator listens only on 127.0.0.1, localhost or [::1], because its passwords protect nothing", addr)
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

// Server is an emulator that is listening.
type Server struct {
	// URL is its base URL, without a slash at the end: what WORKOS_BASE_URL is set to.
	URL string

	emulator *Emulator
	http     *http.Server
	done     chan error
}

// answerTime is how long a request and its answer may take.
const answerTime = 30 * time.Second

// Start listens on addr (see Listen; port 0 takes a free one) and serves until
// Close. An unusable KeyFile, or users and organisations that do not fit
// together, are an error here rather than at the first login.
func (e *Emulator) Start(addr string) (*Server, error) { return e.start(addr, nil) }

// StartTLS is Start with https and a certificate, such as LocalCertificate's.
func (e *Emulator) StartTLS(addr string, certificate tls.Certificate) (*Server, error) {
	return e.start(addr, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
}

func (e *Emulator) start(addr string, secure *tls.Config) (*Server, error) {
	e.setDefaults()
	if e.setUpErr != nil {
		return nil, e.setUpErr
	}
	if e.KeyFile != "" {
		if _, err := e.signer(); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	listener, err := Listen(addr)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	host, _, _ := net.SplitHostPort(addr) // Listen has split it already
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	s := &Server{
		URL:      "http://" + net.JoinHostPort(host, port),
		emulator: e,
		http: &http.Server{
			Handler:           e,
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       answerTime,
			WriteTimeout:      answerTime,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			TLSConfig:         secure,
			// A handshake that fails is its client's to complain of.
			ErrorLog: log.New(io.Discard, "", 0),
		},
		done: make(chan error, 1),
	}
	serve := func() error { return s.http.Serve(listener) }
	if secure != nil {
		s.URL = "https://" + net.JoinHostPort(host, port)
		serve = func() error { return s.http.ServeTLS(listener, "", "") }
	}
	if f := e.store.do(func() { e.base = s.URL; e.sendUnsent() }); f != nil {
		return nil, errors.Join(errors.New(f.text), listener.Close(), e.Close())
	}
	go func() { s.done <- serve() }()
	return s, nil
}

// Close stops the server, its listener and its connections, and returns when
// nothing of it is left; the state file is closed then too. It is called once.
func (s *Server) Close() error {
	err := s.http.Close()
	if served := <-s.done; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	return errors.Join(err, s.emulator.Close())
}
