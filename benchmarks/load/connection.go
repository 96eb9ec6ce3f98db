package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// replyTimeout is how long a server may be silent before the run is given up.
const replyTimeout = 30 * time.Second

var errSilent = fmt.Errorf("the server did not answer within %s", replyTimeout)

// connection is a socket that is read and written without Go's poller: one thread serves all of them.
type connection struct {
	fd     int
	buffer []byte
	filled int
}

func dial(socket string) (*connection, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("cannot connect to %s: %w", socket, err)
	}
	timeout := syscall.NsecToTimeval(int64(replyTimeout))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return &connection{fd: fd, buffer: make([]byte, 16<<10)}, nil
}

func (c *connection) close() { syscall.Close(c.fd) }

func (c *connection) write(b []byte) error {
	for len(b) > 0 {
		n, err := syscall.Write(c.fd, b)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("cannot write to the server: %w", err)
		}
		b = b[max(n, 0):]
	}
	return nil
}

// fill reads once.
func (c *connection) fill() error {
	if c.filled == len(c.buffer) {
		c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
	}
	n, err := syscall.Read(c.fd, c.buffer[c.filled:])
	switch {
	case errors.Is(err, syscall.EINTR):
		return nil
	case errors.Is(err, syscall.EAGAIN):
		return errSilent
	case err != nil:
		return fmt.Errorf("cannot read from the server: %w", err)
	case n == 0:
		return fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	c.filled += n
	return nil
}

// receive reads once; complete says that the reply has arrived as a whole. What r points to lasts until the next call.
func (c *connection) receive(r *reply) (complete bool, err error) {
	if err := c.fill(); err != nil {
		return false, err
	}
	*r = reply{each: r.each, size: c.filled}
	complete, rest := r.scan(c.buffer[:c.filled])
	switch {
	case !complete:
		return false, nil // the next call scans it again: nearly all replies come whole
	case len(rest) > 0:
		return false, fmt.Errorf("%d bytes came behind ReadyForQuery", len(rest))
	}
	c.filled = 0
	return true, nil
}

// call sends messages that end in a Sync or a Query and waits for the reply. each may be called twice with a row.
func (c *connection) call(b []byte, each func(row []byte)) (r reply, err error) {
	if err := c.write(b); err != nil {
		return r, err
	}
	r.each = each
	for {
		complete, err := c.receive(&r)
		if err != nil {
			return r, err
		}
		if complete {
			return r, r.err
		}
	}
}

// connect opens a session and prepares the statements.
func connect(o *options, statements []*statement) (*connection, error) {
	c, err := dial(o.socket)
	if err != nil {
		return nil, err
	}
	if _, err := c.call(startupMessage(o.user, o.database), nil); err != nil {
		c.close()
		return nil, err
	}
	var batch []byte
	for _, s := range statements {
		batch = append(batch, parseMessage(s.name, s.sql, s.types)...)
	}
	if _, err := c.call(append(batch, syncMessage()...), nil); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}
