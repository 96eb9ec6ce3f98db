package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"chaisqld/wire/testca"

	"github.com/jackc/pgx/v5"
)

// remoteFiles are what TCP needs, with one user, alice, whose password is "secret".
type remoteFiles struct {
	t                   *testing.T
	authority           *testca.Authority
	cert, key, authFile string
}

func newRemoteFiles(t *testing.T) *remoteFiles {
	t.Helper()
	dir := t.TempDir()
	f := &remoteFiles{t: t, authority: testca.New(t), cert: filepath.Join(dir, "server.crt"), key: filepath.Join(dir, "server.key"), authFile: filepath.Join(dir, "users")}
	f.renew(time.Now().Add(30 * 24 * time.Hour))
	f.setPassword("alice", "secret")
	return f
}

func (f *remoteFiles) renew(notAfter time.Time) {
	f.t.Helper()
	testca.WriteFiles(f.t, f.authority.Issue("localhost", notAfter), f.cert, f.key)
}

// setPassword runs chaisqld passwd with a pipe for its input.
func (f *remoteFiles) setPassword(user, password string) {
	f.t.Helper()
	if code, out := typed(f.t, password+"\n", &passwdFlags{AuthFile: f.authFile, Iterations: 4096, User: user}); code != exitOK {
		f.t.Fatalf("passwd: %d %s", code, out)
	}
}

// typed runs chaisqld passwd on an input.
func typed(t *testing.T, input string, f *passwdFlags) (code int, out string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() { defer w.Close(); io.WriteString(w, input) }()
	var said output
	code = exitCode(passwd(f, r, &said), &said)
	return code, said.String()
}

func (f *remoteFiles) flags() []string {
	return []string{"--tls-cert", f.cert, "--tls-key", f.key, "--auth-file", f.authFile}
}

var listeningAt = regexp.MustCompile(`network=tcp address=127\.0\.0\.1:(\d+)`)

// login connects over TCP to the address that the server's log names.
func (f *remoteFiles) login(s *instance, user, password string) (*pgx.Conn, error) {
	f.t.Helper()
	found := listeningAt.FindStringSubmatch(s.out.String())
	if found == nil {
		f.t.Fatalf("no address in the log: %s", s.out.String())
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, fmt.Sprintf("host=localhost port=%s user=%s password=%s dbname=chai sslmode=verify-full sslrootcert=%s", found[1], user, password, f.authority.Path))
	if err == nil {
		f.t.Cleanup(func() { c.Close(context.Background()) })
	}
	return c, err
}

func TestServeTCP(t *testing.T) {
	f := newRemoteFiles(t)
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, append(f.flags(), "--dir", dir, "--listen", "tcp://127.0.0.1:0")...)
	c, err := f.login(s, "alice", "secret")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, c, "CREATE TABLE t (id TEXT PRIMARY KEY)")
	execute(t, connect(t, dir), "INSERT INTO t VALUES ('by the Unix socket')")
	if _, err := f.login(s, "alice", "wrong"); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("a wrong password: %v", err)
	}
	s.stop()
	if code := s.wait(); code != exitOK {
		t.Errorf("exit code %d: %s", code, s.out.String())
	}
}

// Without TLS and users there is no TCP, and it is said before anything is made.
func TestTCPIsRefusedWithoutProtection(t *testing.T) {
	f := newRemoteFiles(t)
	other := newRemoteFiles(t)
	db := filepath.Join(shortDir(t), "db")
	open := filepath.Join(t.TempDir(), "open")
	text, err := os.ReadFile(f.authFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct {
		suffix string
		mode   os.FileMode
		text   string
	}{{"", 0o644, string(text)}, {".empty", 0o600, ""}, {".clear", 0o600, "alice:secret\n"}} {
		err := os.WriteFile(open+file.suffix, []byte(file.text), 0o600)
		if err := errors.Join(err, os.Chmod(open+file.suffix, file.mode)); err != nil { // the umask is the server's
			t.Fatal(err)
		}
	}
	listen := []string{"--dir", db, "--listen", "tcp://127.0.0.1:0"}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"nothing":              {nil, "--tls-cert"},
		"no key":               {[]string{"--tls-cert", f.cert}, "--tls-key"},
		"no users":             {[]string{"--tls-cert", f.cert, "--tls-key", f.key}, "--auth-file"},
		"no such certificate":  {[]string{"--tls-cert", "/nosuch", "--tls-key", f.key, "--auth-file", f.authFile}, "/nosuch"},
		"no such users":        {[]string{"--tls-cert", f.cert, "--tls-key", f.key, "--auth-file", "/nosuch"}, "/nosuch"},
		"somebody else's key":  {[]string{"--tls-cert", f.cert, "--tls-key", other.key, "--auth-file", f.authFile}, "private key"},
		"users others can see": {[]string{"--tls-cert", f.cert, "--tls-key", f.key, "--auth-file", open}, "0644"},
		"key is no key":        {[]string{"--tls-cert", f.cert, "--tls-key", f.cert, "--auth-file", f.authFile}, "--tls-key"},
		"nobody":               {[]string{"--tls-cert", f.cert, "--tls-key", f.key, "--auth-file", open + ".empty"}, "no user"},
		"clear text":           {[]string{"--tls-cert", f.cert, "--tls-key", f.key, "--auth-file", open + ".clear"}, "line 1"},
		"a directory":          {[]string{"--tls-cert", f.cert, "--tls-key", f.key, "--auth-file", filepath.Dir(open)}, "regular file"},
		"no scheme":            {append(f.flags(), "--listen", "127.0.0.1:5432"), "tcp://HOST:PORT"},
		"no port":              {append(f.flags(), "--listen", "tcp://127.0.0.1"), "tcp://HOST:PORT"},
		"a path":               {append(f.flags(), "--listen", "tcp://127.0.0.1:1/x"), "tcp://HOST:PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := command(t, append(listen[:len(listen):len(listen)], test.args...)...)
			if code != exitUsage || !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 || strings.Contains(out, "secret") {
				t.Errorf("%d %q", code, out)
			}
		})
	}
	if exists(t, db) {
		t.Error("a server that may not start created the database")
	}
}

func TestAddressesThatCannotBeUsed(t *testing.T) {
	f := newRemoteFiles(t)
	dir := shortDir(t)
	s := start(t, filepath.Join(dir, "one"), append(f.flags(), "--dir", filepath.Join(dir, "one"), "--listen", "tcp://127.0.0.1:0")...)
	taken := "tcp://127.0.0.1:" + listeningAt.FindStringSubmatch(s.out.String())[1]
	for address, want := range map[string]int{taken: exitBusy, "tcp://192.0.2.1:1": exitCreate} {
		code, out := command(t, append(f.flags(), "--dir", filepath.Join(dir, "two"), "--listen", address)...)
		if code != want || !strings.Contains(out, address) {
			t.Errorf("%s: %d %q, want %d", address, code, out, want)
		}
	}
}

// SIGHUP brings new users and certificates; what is wrong with them changes nothing.
func TestReload(t *testing.T) {
	f := newRemoteFiles(t)
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, append(f.flags(), "--dir", dir, "--listen", "tcp://127.0.0.1:0")...)
	before, err := f.login(s, "alice", "secret")
	if err != nil {
		t.Fatal(err)
	}
	reload := func(says string) {
		t.Helper()
		said := strings.Count(s.out.String(), says)
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		waitUntil(t, says, func() bool { return strings.Count(s.out.String(), says) > said })
	}
	f.setPassword("bob", "builder")
	f.setPassword("alice", "new")
	if _, err := f.login(s, "bob", "builder"); err == nil {
		t.Error("a new user came in before the file was reread")
	}
	reload("read certificate and users again")
	for _, user := range [][2]string{{"bob", "builder"}, {"alice", "new"}} {
		if _, err := f.login(s, user[0], user[1]); err != nil {
			t.Errorf("%s: %v", user[0], err)
		}
	}
	if _, err := f.login(s, "alice", "secret"); err == nil {
		t.Error("the old password is still good")
	}
	if err := os.Chmod(f.authFile, 0o666); err != nil {
		t.Fatal(err)
	}
	reload("stay as they were")
	if _, err := f.login(s, "bob", "builder"); err != nil {
		t.Errorf("after a failed reload: %v", err)
	}
	if err := os.Chmod(f.authFile, 0o600); err != nil {
		t.Fatal(err)
	}
	f.renew(time.Now().Add(-time.Hour))
	reload("the certificate has expired")
	if _, err := f.login(s, "bob", "builder"); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired certificate: %v", err)
	}
	f.renew(time.Now().Add(time.Hour))
	reload("the certificate expires soon")
	if _, err := f.login(s, "bob", "builder"); err != nil {
		t.Errorf("a renewed certificate: %v", err)
	}
	execute(t, before, "SELECT 1") // who is in stays in
}

func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func TestReloadWithoutTCP(t *testing.T) {
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, "--dir", dir)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the signal is taken", func() bool { return strings.Contains(s.out.String(), "nothing to read again") })
	execute(t, connect(t, dir), "SELECT 1")
}

// Named users find the door open; who they are is asked of the kernel.
func TestAllowUID(t *testing.T) {
	dir := shortDir(t)
	start(t, dir, "--dir", filepath.Join(dir, "db"), "--socket-dir", dir, "--allow-uid", "12345,"+fmt.Sprint(os.Geteuid()))
	if info, err := os.Lstat(filepath.Join(dir, socketName)); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	execute(t, connect(t, dir), "SELECT 1")
}

// knock connects over TCP and says nothing.
func (f *remoteFiles) knock(s *instance) net.Conn {
	f.t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+listeningAt.FindStringSubmatch(s.out.String())[1])
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}
