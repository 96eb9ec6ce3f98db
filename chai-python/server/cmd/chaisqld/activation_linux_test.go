package main

import (
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Clients of a passed socket see the server as their peer, which they may signal, and not the process that made the socket.
func TestPassedSocketNamesTheServer(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, socketName)
	passed := descriptor(t, listenUnix(t, path))
	p := startProgram(t, withPID, []string{"--dir", filepath.Join(dir, "db")}, listenFDs("local"), passed)
	p.says("msg=ready")
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || asked != nil {
		t.Fatal(err, asked)
	}
	if int(peer.Pid) != p.cmd.Process.Pid {
		t.Errorf("the peer is process %d, the server %d", peer.Pid, p.cmd.Process.Pid)
	}
}
