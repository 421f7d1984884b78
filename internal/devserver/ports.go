package devserver

import (
	"net"
	"slices"
	"strconv"
	"time"

	"authfit/internal/problem"
	"authfit/internal/verify"
)

// Port is a free port: the asked one, or it is refused; else, where none was asked
// for, the usual one or one of those above it. What is in not is not taken.
func Port(flag string, asked, usual int, not ...int) (int, error) {
	if asked != 0 {
		switch {
		case asked < 0 || asked > 65535:
			return 0, problem.New("usage", "%s %d: there is no such port", flag, asked).WithFix("ports go from 1 to 65535")
		case slices.Contains(not, asked) || !free(asked):
			return 0, problem.New("port-taken", "port %d is taken", asked).
				WithFix("stop what listens there, or give another: %s PORT; without the flag a free one is found", flag)
		}
		return asked, nil
	}
	for port := usual; port < usual+20 && port <= 65535; port++ {
		if !slices.Contains(not, port) && free(port) {
			return port, nil
		}
	}
	return verify.FreePort()
}

// free says whether nothing answers on a port of this machine, by either of the
// addresses that localhost may mean, and a server can listen there. That it can
// is not enough: macOS lets one listen on 127.0.0.1 beside another on all
// addresses, and on Linux a browser may prefer another's [::1].
func free(port int) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), 200*time.Millisecond)
		if err == nil {
			conn.Close()
			return false
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}
