package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"authfit/internal/emulator"
)

// How often and how long the AuthKits are measured.
const (
	starts = 11
	// The npm one answers 1,000 requests a minute, and a login there is two of
	// them: so many logins are within that.
	fewLogins   = 450
	warmUp      = 20
	shortRounds = 9
)

// sustained are the logins of the long run, 100,000 in all, in slices: before
// each, the signer is measured alone.
var sustained = []struct{ clients, logins int }{{1, 20_000}, {8, 30_000}, {64, 50_000}}

const slicesOfRun = 10

// A kit is one of the AuthKits, as a program.
type kit struct {
	what string
	argv []string // PORT is where it has to listen
	keys string   // the path of its key set
	// ends says that it ends itself now and then when it has several clients.
	ends bool
	login
}

const (
	npmVersion = "0.14.0"
	npmDir     = ".cache/bench-npm/" + npmVersion
)

// kits are ours, the npm one and mockoidc, built or installed.
func (b *bench) kits() ([]kit, error) {
	npm, err := b.npm()
	if err != nil {
		return nil, err
	}
	// Without a user nobody can log in to the npm one.
	seed := filepath.Join(b.dir, "npm-seed.yaml")
	if err := os.WriteFile(seed, []byte("users:\n  - email: "+emulator.DefaultEmail+"\n    email_verified: true\n"), 0o644); err != nil {
		return nil, err
	}
	mock := filepath.Join(b.dir, "mockoidc")
	if _, err := b.command("internal/bench/mockoidc", "go", "build", "-trimpath", "-o", mock, "."); err != nil {
		return nil, err
	}
	exchange := func(clientID, key string) string {
		return fmt.Sprintf(`{"grant_type":"authorization_code","client_id":%q,"client_secret":%q,"code":"CODE","code_verifier":%q}`,
			clientID, key, loginVerifier)
	}
	const authorize, token = "/user_management/authorize?", "/user_management/authenticate"
	return []kit{{
		what: "authfit emulate",
		argv: []string{b.authfit, "emulate", "--addr", "127.0.0.1:PORT", "--redirect-uri", loginRedirect},
		keys: "/sso/jwks/" + emulator.DefaultClientID,
		login: login{
			authorize: authorize + authorizationQuery(emulator.DefaultClientID, "provider", "authkit"),
			form: "authorization=AUTHORIZATION&" + url.Values{
				"action": {"sign-in"}, "email": {emulator.DefaultEmail}, "password": {emulator.DefaultPassword},
			}.Encode(),
			token: token, contentType: "application/json", exchange: exchange(emulator.DefaultClientID, emulator.DefaultAPIKey),
		},
	}, {
		what: "npm workos " + npmVersion + " emulate",
		argv: []string{"node", npm, "emulate", "--port", "PORT", "--seed", seed, "--json"},
		keys: "/sso/jwks/client",
		login: login{
			authorize: authorize + authorizationQuery("client", "provider", "authkit"),
			token:     token, contentType: "application/json", exchange: exchange("client", "sk_test_default"),
		},
	}, {
		what: "mockoidc",
		argv: []string{mock, "PORT"},
		keys: "/oidc/.well-known/jwks.json",
		ends: true, // its sessions are a map that every request writes to without a lock
		login: login{
			authorize: "/oidc/authorize?" + authorizationQuery("client", "scope", "openid email"),
			token:     "/oidc/token", contentType: "application/x-www-form-urlencoded",
			exchange: "code=CODE&" + url.Values{
				"grant_type": {"authorization_code"}, "client_id": {"client"}, "client_secret": {"secret"}, "code_verifier": {loginVerifier},
			}.Encode(),
		},
	}}, nil
}

// npm installs the npm one, without the scripts of any package, and gives the
// program. Run by node and not by npx, which would take longer.
func (b *bench) npm() (string, error) {
	modules, err := filepath.Abs(filepath.Join(npmDir, "node_modules"))
	if err != nil {
		return "", err
	}
	program := filepath.Join(modules, "workos", "dist", "bin.js")
	// npm writes this file last.
	if _, err := os.Stat(filepath.Join(modules, ".package-lock.json")); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(npmDir, 0o755); err != nil {
		return "", err
	}
	_, err = b.command(npmDir, "npm", "install", "--prefix", ".", "--ignore-scripts", "--no-audit", "--no-fund", "--silent",
		"workos@"+npmVersion)
	return program, err
}

// A running kit has answered once.
type running struct {
	kit
	address string
	cmd     *exec.Cmd
	took    time.Duration // from its start to the answer
}

// start runs a kit until it gives out its key set.
func (b *bench) start(k kit) (*running, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	if err := listener.Close(); err != nil {
		return nil, err
	}
	argv := strings.Split(strings.ReplaceAll(strings.Join(k.argv, "\n"), "PORT", port), "\n")
	cmd := exec.CommandContext(b.ctx, argv[0], argv[1:]...)
	// Nothing of the owner's: neither a key that is kept nor a configuration.
	cmd.Dir, cmd.Env = b.home(), append(os.Environ(), "HOME="+b.home(), "XDG_CACHE_HOME="+b.home())
	r := &running{kit: k, address: address, cmd: cmd}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(start) < time.Minute {
		if c, err := dial(address); err == nil {
			a, err := c.ask(http.MethodGet, k.keys, "", "")
			r.took = time.Since(start)
			c.conn.Close()
			if err == nil && a.status == http.StatusOK {
				return r, nil
			}
		}
		time.Sleep(200 * time.Microsecond)
	}
	r.stop()
	return nil, fmt.Errorf("%s does not answer", k.what)
}

// home is where the kits run.
func (b *bench) home() string { return filepath.Join(b.dir, "home") }

func (r *running) stop() {
	_ = r.cmd.Process.Kill() // it may have ended itself
	_ = r.cmd.Wait()
}

// authkits measures the local AuthKits.
func (b *bench) authkits() error {
	if runtime.GOOS != "linux" {
		return errors.New("authkit: memory and processor time of another program are read from /proc, as Linux has it")
	}
	if err := os.MkdirAll(b.home(), 0o755); err != nil {
		return err
	}
	kits, err := b.kits()
	if err != nil {
		return err
	}
	fmt.Println("\nlocal AuthKits")
	if err := b.firstAnswers(kits); err != nil {
		return err
	}
	if err := b.memories(kits); err != nil {
		return err
	}
	fmt.Printf("  %d logins, each time of a fresh start, median of %d: the npm one stops at 1,000 requests a minute,\n", fewLogins, shortRounds)
	fmt.Println("  so its runs last about a second; a login is 3 requests to authfit (page, form, token), 2 to the others (no page)")
	for _, clients := range []int{1, 8, 64} {
		if err := b.side(kits, clients); err != nil {
			return err
		}
	}
	return b.sustain(kits[0])
}

// firstAnswers prints how long the kits take from their start to their key set.
func (b *bench) firstAnswers(kits []kit) error {
	first := func(k kit) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			r, err := b.start(k)
			if err != nil {
				return 0, err
			}
			r.stop()
			return r.took, nil
		}
	}
	each := []func() (time.Duration, error){func() (time.Duration, error) {
		if err := os.RemoveAll(filepath.Join(b.home(), "authfit")); err != nil {
			return 0, err
		}
		return first(kits[0])()
	}}
	for _, k := range kits {
		each = append(each, first(k))
	}
	t, err := medians(starts, each...)
	if err != nil {
		return err
	}
	fmt.Println("  first answer after the start")
	row("authfit emulate", t[1], 0, "")
	row("authfit emulate, which has to make its key", t[0], t[1], "")
	for i, k := range kits[1:] {
		row(k.what, t[i+2], t[1], "")
	}
	return nil
}

// memories prints what the kits hold a second after their first login.
func (b *bench) memories(kits []kit) error {
	fmt.Println("  memory at rest, a second after the first login")
	ours := 0.0
	for _, k := range kits {
		r, err := b.start(k)
		if err != nil {
			return err
		}
		defer r.stop()
		if _, err := logInOften(r.address, k.login, 1, 1); err != nil {
			return fmt.Errorf("%s: %w", k.what, err)
		}
		time.Sleep(time.Second)
		memory, err := r.memory()
		if err != nil {
			return err
		}
		if ours == 0 {
			ours = memory
		}
		fmt.Printf("  %-44s %9.1f MB  %8.2f x\n", k.what, memory, memory/ours)
	}
	return nil
}

// side prints the logins per second of the kits, side by side.
func (b *bench) side(kits []kit, clients int) error {
	rates, taken := make([][]float64, len(kits)), make([][]time.Duration, len(kits))
	for range shortRounds {
		for i, k := range kits {
			l, err := b.short(k, clients)
			if k.ends && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
				errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", k.what, err)
			}
			rates[i], taken[i] = append(rates[i], l.perSecond()), append(taken[i], l.taken...)
		}
	}
	fmt.Printf("  clients at once: %d\n", clients)
	for i, k := range kits {
		note := ""
		if ended := shortRounds - len(rates[i]); ended > 0 {
			note = fmt.Sprintf("ended itself in %d of %d runs", ended, shortRounds)
		}
		if len(rates[i]) == 0 {
			fmt.Printf("  %-44s %s\n", k.what, note)
			continue
		}
		slices.Sort(taken[i])
		all := load{taken: taken[i]}
		fmt.Printf("  %-44s %5.0f logins/s  %5.2f x  p50 %5.1f ms  p99 %5.1f ms  %s\n", k.what, median(rates[i]),
			median(rates[i])/median(rates[0]), ms(all.share(50)), ms(all.share(99)), note)
	}
	return nil
}

// short is one run of few logins on a kit that has just started.
func (b *bench) short(k kit, clients int) (load, error) {
	r, err := b.start(k)
	if err != nil {
		return load{}, err
	}
	defer r.stop()
	if _, err := logInOften(r.address, k.login, warmUp, 1); err != nil {
		return load{}, err
	}
	return logInOften(r.address, k.login, fewLogins, clients)
}

// sustain prints what authfit does with 100,000 logins, beside what the same
// processors do when they only sign.
//
// The load shares the processors with the server, so the logins per second are
// put beside the signatures per second in three ways: as they are; with the
// processor time that the load took for itself taken out; and as the processor
// time of a signature in that of a login, which no load can change.
func (b *bench) sustain(k kit) error {
	sign, err := b.signatures()
	if err != nil {
		return err
	}
	r, err := b.start(k)
	if err != nil {
		return err
	}
	defer r.stop()
	fmt.Println("  100,000 logins to one authfit emulate, and the share of them that is the signature")
	var newest []string
	for _, run := range sustained {
		// One client waits for its signature: it never keeps two processors busy.
		procs := min(run.clients, runtime.NumCPU())
		var taken []time.Duration
		var rates, plain, without, processor, server, own []float64
		for range slicesOfRun {
			alone, err := sign(procs)
			if err != nil {
				return err
			}
			s, err := r.slice(run.logins/slicesOfRun, run.clients)
			if err != nil {
				return err
			}
			taken, newest = append(taken, s.taken...), append(newest, s.last...)
			newest = slices.Clone(newest[max(0, len(newest)-keptAnswers):])
			rates, server, own = append(rates, s.perSecond()), append(server, ms(s.server)), append(own, ms(s.own))
			left := min(float64(procs), float64(runtime.NumCPU())-s.own.Seconds()*s.perSecond()) / float64(procs)
			plain = append(plain, 100*s.perSecond()/alone.perSecond)
			without = append(without, 100*s.perSecond()/(alone.perSecond*left))
			processor = append(processor, 100*alone.processor.Seconds()/s.server.Seconds())
		}
		memory, err := r.memory()
		if err != nil {
			return err
		}
		slices.Sort(taken)
		all := load{taken: taken}
		fmt.Printf("  clients at once: %-3d %5.0f logins/s  p50 %5.1f ms  p99 %5.1f ms  %.1f MB afterwards\n",
			run.clients, median(rates), ms(all.share(50)), ms(all.share(99)), memory)
		fmt.Printf("    processor time of a login: %.2f ms, and %.2f ms of the load that asks for it\n", median(server), median(own))
		fmt.Printf("    of what %d processors sign: %.0f %%, without what the load takes of them %.0f %%; signature in the processor time: %.0f %%\n",
			procs, median(plain), median(without), median(processor))
	}
	return r.live(k, newest)
}

// A slice is some logins, with the processor time of one of them.
type slice struct {
	load
	server, own time.Duration
}

func (r *running) slice(n, clients int) (slice, error) {
	before, err := r.processorTime()
	if err != nil {
		return slice{}, err
	}
	own := ownTime()
	l, err := logInOften(r.address, r.login, n, clients)
	if err != nil {
		return slice{}, err
	}
	own = ownTime() - own
	after, err := r.processorTime()
	return slice{l, (after - before) / time.Duration(n), own / time.Duration(n)}, err
}

var refreshToken = regexp.MustCompile(`"refresh_token":"([^"]+)"`)

// live shows that there are as many sessions as the emulator says that it keeps:
// the newest 10,000, give or take those that came at once.
func (r *running) live(k kit, last []string) error {
	c, err := dial(r.address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for _, session := range []struct{ age, status int }{{9_000, http.StatusOK}, {keptAnswers, http.StatusBadRequest}} {
		token := refreshToken.FindStringSubmatch(last[len(last)-session.age])
		a, err := c.ask(http.MethodPost, k.token, k.contentType, fmt.Sprintf(
			`{"grant_type":"refresh_token","client_id":%q,"client_secret":%q,"refresh_token":%q}`,
			emulator.DefaultClientID, emulator.DefaultAPIKey, token[1]))
		if err != nil {
			return err
		}
		if a.status != session.status {
			return fmt.Errorf("the session %d logins ago is refreshed with status %d: %s", session.age, a.status, a.body)
		}
	}
	fmt.Println("  of the sessions, the one 9,000 logins ago is live and the one 11,000 logins ago is gone")
	return nil
}

// A signing is how fast signatures are made.
type signing struct {
	perSecond float64
	processor time.Duration // of one of them
}

// signatures prints how many signatures a second there can be, on one processor
// and on all. It gives what measures the emulator's own on some processors.
func (b *bench) signatures() (sign func(procs int) (signing, error), err error) {
	procs := runtime.NumCPU()
	fmt.Printf("  RSA-2048 signatures per second, on one processor and on %d\n", procs)
	print := func(what string, one, all float64) { fmt.Printf("  %-44s %9.0f  %9.0f\n", what, one, all) }
	one, err := b.openssl()
	if err != nil {
		return nil, err
	}
	all, err := b.openssl("-multi", strconv.Itoa(procs))
	if err != nil {
		return nil, err
	}
	print("openssl speed rsa2048", one, all)
	for _, of := range []struct{ what, packages, name string }{
		{"crypto/rsa, its own benchmark", "crypto/rsa", "^BenchmarkSignPKCS1v15$/^2048$"},
		{"crypto/rsa", "./internal/emulator", "^BenchmarkSign$/^rsa$"},
		{"an access token of authfit", "./internal/emulator", "^BenchmarkSign$/^token$"},
	} {
		program := filepath.Join(b.dir, "signer")
		if _, err := b.command("", "go", "test", "-c", "-o", program, of.packages); err != nil {
			return nil, err
		}
		sign = func(procs int) (signing, error) { return b.goBench(program, of.name, procs) }
		one, err := sign(1)
		if err != nil {
			return nil, err
		}
		if of.packages == "crypto/rsa" { // which signs on one processor
			fmt.Printf("  %-44s %9.0f\n", of.what, one.perSecond)
			continue
		}
		all, err := sign(procs)
		if err != nil {
			return nil, err
		}
		print(of.what, one.perSecond, all.perSecond)
	}
	return sign, nil
}

// openssl is its signatures per second.
func (b *bench) openssl(arguments ...string) (float64, error) {
	out, err := b.command("", slices.Concat([]string{"openssl", "speed", "-mr", "-seconds", "3"}, arguments, []string{"rsa2048"})...)
	if err != nil {
		return 0, err
	}
	// +F2:<number>:<bits>:<signatures per second>:<verifications per second>
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(line, ":"); len(fields) > 3 && fields[0] == "+F2" {
			return strconv.ParseFloat(fields[3], 64)
		}
	}
	return 0, fmt.Errorf("openssl speed prints no figure: %s", out)
}

var benchLine = regexp.MustCompile(`(?m)^Benchmark\S+\s+\d+\s+([\d.]+) ns/op(?:\s+([\d.]+) cpu-ns/op)?`)

// goBench runs a benchmark of a test program on some processors.
func (b *bench) goBench(program, name string, procs int) (signing, error) {
	out, err := b.command("", program, "-test.run", "^$", "-test.bench", name, "-test.cpu", strconv.Itoa(procs))
	if err != nil {
		return signing{}, err
	}
	line := benchLine.FindStringSubmatch(string(out))
	if line == nil {
		return signing{}, fmt.Errorf("the benchmark %s prints no figure: %s", name, out)
	}
	ns, err := strconv.ParseFloat(line[1], 64)
	if err != nil {
		return signing{}, err
	}
	processor, _ := strconv.ParseFloat(line[2], 64) // 0 where it is not measured
	return signing{1e9 / ns, time.Duration(processor)}, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// memory is what the program holds in memory, in MB.
func (r *running) memory() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kilobytes float64
	_, err = fmt.Sscan(after, &kilobytes)
	return kilobytes / 1024, err
}

// processorTime is what the program has used, in the kernel and outside of it.
func (r *running) processorTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// After the name in brackets, which is the second field, come the state and
	// ten others; the unit is a hundredth of a second.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %s", r.cmd.Process.Pid, stat)
	}
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, err2)
}

// ownTime is the processor time of this program.
func ownTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
