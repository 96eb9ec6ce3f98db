package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Passed sockets are served, and stay for the next server when this one goes.
func TestSocketActivation(t *testing.T) {
	f := newRemoteFiles(t)
	dir := shortDir(t)
	db, socket := filepath.Join(dir, "db"), filepath.Join(dir, socketName)
	local := listenUnix(t, socket)
	remote, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	files := []*os.File{descriptor(t, local), descriptor(t, remote.(*net.TCPListener))}
	args := append(f.flags(), "--dir", db, "--idle-exit", "200ms")

	early := make(chan error, 1) // connects while nobody is there to accept
	go func() {
		c, err := dial(context.Background(), dir)
		if err == nil {
			_, err = c.Exec(context.Background(), "CREATE TABLE t (id TEXT PRIMARY KEY)")
			c.Close(context.Background())
		}
		early <- err
	}()
	p := startProgram(t, withPID, args, listenFDs("local", "remote"), files...)
	select {
	case err := <-early:
		if err != nil {
			t.Fatalf("the client that came first: %v; %s", err, p.out.String())
		}
	case <-time.After(patience):
		t.Fatalf("the client that came first is not served: %s", p.out.String())
	}
	if exists(t, db, socketName) {
		t.Error("it made a socket of its own besides")
	}
	p.ends(exitOK)
	if !exists(t, dir, socketName) {
		t.Fatal("it removed a socket that is not its own")
	}
	if exists(t, db, runtimeName) {
		t.Error("chaisqld.json is left behind")
	}
	p = startProgram(t, withPID, args, listenFDs("local", "remote"), files...)
	s := &instance{}
	p.says("msg=ready")
	s.out.Write([]byte(p.out.String()))
	c, err := f.login(s, "alice", "secret")
	if err != nil {
		t.Fatalf("by TCP: %v; %s", err, p.out.String())
	}
	execute(t, c, "INSERT INTO t VALUES ('x')")
	execute(t, connect(t, dir), "INSERT INTO t VALUES ('y')")
	p.signal(syscall.SIGTERM)
	p.ends(exitOK)
	if _, err := net.Dial("unix", socket); err != nil {
		t.Errorf("the socket does not take clients any more: %v", err)
	}
}

// A passed TCP socket alone: the Unix socket is its own, as ever.
func TestActivationOfTCPAlone(t *testing.T) {
	f := newRemoteFiles(t)
	dir := shortDir(t)
	remote, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	file := descriptor(t, remote.(*net.TCPListener))
	p := startProgram(t, withPID, []string{"--dir", filepath.Join(dir, "db")}, listenFDs("remote"), file)
	p.ends(exitUsage)
	if out := p.out.String(); !strings.Contains(out, "--tls-cert") || exists(t, dir, "db") {
		t.Errorf("without TLS: %s", out)
	}
	p = startProgram(t, withPID, append(f.flags(), "--dir", filepath.Join(dir, "db"), "--socket-dir", dir), listenFDs("remote"), file)
	p.says("msg=ready")
	execute(t, connect(t, dir), "SELECT 1")
	p.signal(syscall.SIGTERM)
	p.ends(exitOK)
	if exists(t, dir, socketName) {
		t.Error("its own socket is left behind")
	}
}

// Variables meant for another process, as after a fork, say nothing to us.
func TestActivationOfAnotherProcess(t *testing.T) {
	dir := shortDir(t)
	local := listenUnix(t, filepath.Join(dir, "other"))
	p := startProgram(t, nil, []string{"--dir", filepath.Join(dir, "db")}, append(listenFDs("x"), "LISTEN_PID=1"), descriptor(t, local))
	p.says("msg=ready")
	execute(t, connect(t, filepath.Join(dir, "db")), "SELECT 1")
}

func TestSocketsThatCannotBeServed(t *testing.T) {
	dir := shortDir(t)
	packets, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "packets"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	regular, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	good, second := listenUnix(t, filepath.Join(dir, socketName)), filepath.Join(dir, "two")
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		files []*os.File
		args  []string
		want  string
	}{
		"datagrams":   {[]*os.File{descriptor(t, packets)}, nil, "listening"},
		"a file":      {[]*os.File{regular}, nil, "listening"},
		"other name":  {[]*os.File{descriptor(t, listenUnix(t, filepath.Join(dir, "x.sock")))}, nil, socketName},
		"two":         {[]*os.File{descriptor(t, good), descriptor(t, listenUnix(t, filepath.Join(second, socketName)))}, nil, "second"},
		"ready fd":    {[]*os.File{descriptor(t, good)}, []string{"--ready-fd", "3"}, "--ready-fd"},
		"other place": {[]*os.File{descriptor(t, good)}, []string{"--socket-dir", second}, "--socket-dir"},
	} {
		t.Run(name, func(t *testing.T) {
			names := strings.Split(strings.Repeat("s ", len(test.files)), " ")[:len(test.files)]
			p := startProgram(t, withPID, append([]string{"--dir", filepath.Join(dir, "db")}, test.args...), listenFDs(names...), test.files...)
			p.ends(exitUsage)
			if out := p.out.String(); !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
				t.Errorf("%s", out)
			}
		})
	}
	if exists(t, dir, "db") {
		t.Error("the database was created")
	}
}

func TestSystemdSocketActivate(t *testing.T) {
	activate, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not installed")
	}
	dir := shortDir(t)
	socket := filepath.Join(dir, socketName)
	p := startProgram(t, []string{activate, "-l", socket, "-E", programEnv, "-E", "HOME"}, []string{"--dir", filepath.Join(dir, "db"), "--idle-exit", "100ms"}, nil)
	p.says("Listening on")
	c := connect(t, dir)
	execute(t, c, "CREATE TABLE t (id TEXT PRIMARY KEY)")
	c.Close(t.Context())
	p.says("leaving: no connections")
	p.ends(exitOK) // it became the server
	if !exists(t, dir, socketName) {
		t.Error("the socket is gone")
	}
}
