package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"chaisqld/engine"
)

// A place is where clients find the server: its socket, named as libpq expects,
// and chaisqld.json in the database directory, which says where the socket is.
// A socket that a service manager passed on stays where it is.

const (
	socketName  = ".s.PGSQL.5432"
	runtimeName = "chaisqld.json"
	lockName    = "chaisqld.lock" // held while a server takes the socket's name; it stays
)

var (
	errSocketDir  = errors.New("cannot use the socket directory")
	errSocketBusy = errors.New("another server uses the socket")
)

type place struct {
	socketDir  string // absolute
	runtimeDir string // of chaisqld.json
	mode       os.FileMode
	made       fs.FileInfo // the socket, once it is there
}

func (f *serveFlags) inMemory() bool { return f.Dir == engine.Memory }

// socketMode lets everybody knock where users are named: the server asks the
// kernel who it is, and modes cannot name users.
func (f *serveFlags) socketMode() os.FileMode {
	if len(f.AllowUID) > 0 {
		return 0o666
	}
	return 0o600
}

// newPlace checks what can be checked without I/O.
func newPlace(f *serveFlags, passed *passedSockets) (*place, error) {
	dir := passed.socketDir()
	switch {
	case dir != "" && f.SocketDir != "" && filepath.Clean(f.SocketDir) != dir:
		return nil, usageError{fmt.Errorf("--socket-dir is %s, but the service manager passed a socket in %s", f.SocketDir, dir)}
	case dir == "" && f.SocketDir != "":
		dir = f.SocketDir
	case dir == "":
		dir = f.Dir
	}
	socketDir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errSocketDir, dir, err)
	}
	p := &place{socketDir: socketDir, runtimeDir: f.Dir, mode: f.socketMode()}
	if f.inMemory() {
		p.runtimeDir = socketDir
	}
	if limit := len(syscall.RawSockaddrUnix{}.Path) - 1; len(p.socket()) > limit {
		return nil, usageError{fmt.Errorf("socket path %s has %d bytes, the system's limit is %d: give a shorter --socket-dir", p.socket(), len(p.socket()), limit)}
	}
	return p, nil
}

func (p *place) socket() string  { return filepath.Join(p.socketDir, socketName) }
func (p *place) runtime() string { return filepath.Join(p.runtimeDir, runtimeName) }

// listen takes the socket's name. One server at a time looks whether it is
// free, takes away what a killed one left, and makes its own socket.
func (p *place) listen() (*net.UnixListener, error) {
	if err := os.Mkdir(p.socketDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: %w", errSocketDir, err)
	}
	lock, err := lockFile(filepath.Join(p.socketDir, lockName))
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errSocketDir, p.socketDir, err)
	}
	defer lock.Close()
	if err := p.freeSocket(); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.socket(), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errSocketDir, p.socketDir, err)
	}
	l.SetUnlinkOnClose(false) // by then the name may be a successor's
	err = os.Chmod(p.socket(), p.mode)
	if err == nil {
		p.made, err = os.Lstat(p.socket())
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("%w: %w", errSocketDir, err)
	}
	return l, nil
}

// freeSocket removes a socket to which nobody listens any more. Whatever else
// a connection comes to, such as a full queue, is somebody's.
func (p *place) freeSocket() error {
	info, err := os.Lstat(p.socket())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", errSocketDir, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%w %s: %s is there and is no socket; nothing was changed: give another --socket-dir", errSocketDir, p.socketDir, socketName)
	}
	c, err := net.Dial("unix", p.socket())
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("%w %s: give another --socket-dir", errSocketBusy, p.socket())
	case errors.Is(err, fs.ErrNotExist): // its server has left meanwhile
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w %s: it does not answer: %w: stop it, or give another --socket-dir", errSocketBusy, p.socket(), err)
	}
	if err := os.Remove(p.socket()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errSocketDir, err)
	}
	return nil
}

// announce writes chaisqld.json in one step, so that nobody reads half of it.
func (p *place) announce() error {
	text, err := json.Marshal(struct {
		PID       int    `json:"pid"`
		Version   string `json:"version"`
		SocketDir string `json:"socket_dir"`
	}{os.Getpid(), Version, p.socketDir})
	if err != nil {
		return err
	}
	temporary := p.runtime() + ".new"
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("%w: %w", engine.ErrCannotOpen, err)
	}
	if err := os.Rename(temporary, p.runtime()); err != nil {
		return fmt.Errorf("%w: %w", engine.ErrCannotOpen, err)
	}
	return nil
}

// remove makes the server unfindable; a second time it does nothing, because
// what is there then may be a successor's.
func (p *place) remove() {
	if p.socketDir == "" {
		return
	}
	if info, err := os.Lstat(p.socket()); err == nil && p.made != nil && os.SameFile(info, p.made) {
		os.Remove(p.socket())
	}
	os.Remove(p.runtime())
	p.socketDir = ""
}
