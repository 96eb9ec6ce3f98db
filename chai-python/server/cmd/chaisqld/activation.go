package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Sockets that a service manager holds and passes on (LISTEN_FDS). They stay
// when the server goes, and who connects meanwhile waits for the next one.

const longestQueue = 1<<16 - 1 // the kernel takes its own limit instead

type passedSockets struct {
	local  *net.UnixListener // nil: none
	remote []*net.TCPListener
}

// takePassed takes the sockets out of the environment; it refuses those that it
// cannot serve, because their clients would wait for ever.
func takePassed(readyFd int) (*passedSockets, error) {
	files := activation.Files(true)
	p := &passedSockets{}
	for _, file := range files {
		if int(file.Fd()) == readyFd {
			return nil, fmt.Errorf("--ready-fd %d is a socket passed by the service manager", readyFd)
		}
	}
	for _, file := range files {
		if err := p.take(file); err != nil {
			p.close()
			return nil, fmt.Errorf("socket %q passed by the service manager: %w", file.Name(), err)
		}
	}
	return p, nil
}

func (p *passedSockets) take(file *os.File) error {
	defer file.Close() // the listener has a descriptor of its own
	listening, err := unix.GetsockoptInt(int(file.Fd()), unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listening == 0 {
		return fmt.Errorf("it is not a listening stream socket; use ListenStream= and Accept=no")
	}
	l, err := net.FileListener(file)
	if err != nil {
		return err
	}
	switch l := l.(type) {
	case *net.TCPListener:
		p.remote = append(p.remote, l)
		return nil
	case *net.UnixListener:
		path := l.Addr().String()
		switch {
		case p.local != nil:
			err = fmt.Errorf("there is a second Unix socket, %s: one is enough", path)
		case filepath.Base(path) != socketName:
			err = fmt.Errorf("its name is %q: clients look for DIRECTORY/%s", path, socketName)
		default:
			err = listenAgain(file)
		}
		if err == nil {
			p.local = l
			return nil
		}
	default:
		err = fmt.Errorf("%s sockets are not supported", l.Addr().Network())
	}
	l.Close()
	return err
}

// listenAgain has the kernel tell clients who serves them: it names the process
// that called listen, which was the service manager. The queue stays, and is as
// long as the system allows.
func listenAgain(file *os.File) error {
	if err := unix.Listen(int(file.Fd()), longestQueue); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// socketDir is the passed Unix socket's, "" when there is none.
func (p *passedSockets) socketDir() string {
	if p.local == nil {
		return ""
	}
	return filepath.Dir(p.local.Addr().String())
}

// close takes no more clients: those that wait are the next server's.
func (p *passedSockets) close() {
	if p.local != nil {
		p.local.Close()
	}
	for _, l := range p.remote {
		l.Close()
	}
}
