package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// client is one connection with one operation under way.
type client struct {
	*connection
	sessions []session // its own share
	requests []*request
	mix      []*statement

	pending *statement
	target  *session
	fresh   []byte // the data that the pending operation writes
	sent    time.Time
}

// driver runs all clients in one thread.
type driver struct {
	o       *options
	clients []*client
	random  *rand.ChaCha8
	pick    *rand.Rand
	times   clock
	record  recorder

	replyBytes int // of the last reply
}

// drive prepares the table and runs the clients.
func drive(o *options) (*report, error) {
	// Nothing is allocated while it runs, so a collection would only take time from the server.
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	d := &driver{o: o, random: rand.NewChaCha8([32]byte{1})}
	d.pick = rand.New(d.random)
	sessions := newSessions(o.rows)
	if err := prepare(o, sessions, d.random, &d.times); err != nil {
		return nil, err
	}
	defer d.close()
	for i := range o.clients {
		share := sessions[i*o.rows/o.clients : (i+1)*o.rows/o.clients]
		if err := d.open(share); err != nil {
			return nil, err
		}
	}
	d.record.serverPID = o.serverPID
	d.record.plan(time.Now(), seconds(o.warmup), seconds(o.seconds), o.operations)
	if err := d.loop(); err != nil {
		return nil, err
	}
	r := d.record.report(o.mode, o.clients)
	r.Request, r.Reply = len(d.clients[0].requests[0].bytes), d.replyBytes
	return r, nil
}

func (d *driver) open(share []session) error {
	c := &client{sessions: share, mix: modes[d.o.mode], fresh: make([]byte, d.o.size)}
	for _, s := range c.mix {
		c.requests = append(c.requests, newRequest(s.name, s.sizes(d.o.size)))
	}
	var err error
	if c.connection, err = connect(d.o, c.mix); err != nil {
		return err
	}
	d.clients = append(d.clients, c)
	return nil
}

func (d *driver) close() {
	for _, c := range d.clients {
		c.close()
	}
}

func (d *driver) loop() error {
	for _, c := range d.clients {
		if err := d.send(c); err != nil {
			return err
		}
	}
	if len(d.clients) == 1 {
		return d.loopOne(d.clients[0])
	}
	return d.loopMany()
}

// loopOne waits in read itself, which saves a system call for each operation.
func (d *driver) loopOne(c *client) error {
	for {
		if again, err := d.step(c); err != nil || !again {
			return err
		}
	}
}

func (d *driver) loopMany() error {
	poll, err := d.watch()
	if err != nil {
		return err
	}
	defer syscall.Close(poll)
	events := make([]syscall.EpollEvent, len(d.clients))
	for busy := len(d.clients); busy > 0; {
		n, err := syscall.EpollWait(poll, events, int(replyTimeout.Milliseconds()))
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("epoll_wait: %w", err)
		case n == 0:
			return errSilent
		}
		for _, e := range events[:n] {
			again, err := d.step(d.clients[e.Fd])
			if err != nil {
				return err
			}
			if !again {
				busy--
			}
		}
	}
	return nil
}

// watch makes an epoll instance that names clients by their place.
func (d *driver) watch() (int, error) {
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("epoll_create1: %w", err)
	}
	for i, c := range d.clients {
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, c.fd, &event); err != nil {
			syscall.Close(poll)
			return 0, fmt.Errorf("epoll_ctl: %w", err)
		}
	}
	return poll, nil
}

// step reads what has come for a client; with a whole reply it begins the next operation. again is false when the run is
// over for this client.
func (d *driver) step(c *client) (again bool, err error) {
	var r reply
	complete, err := c.receive(&r)
	if err != nil || !complete {
		return err == nil, err
	}
	now := time.Now()
	d.replyBytes = r.size
	failure := c.finish(&r)
	if over := d.record.add(c.sent, now, c.pending.writes, failure); over {
		return false, nil
	}
	return true, d.send(c)
}

// send begins an operation on one of the client's sessions.
func (d *driver) send(c *client) error {
	kind := 0
	if len(c.mix) > 1 && d.pick.IntN(100) < d.o.saveShare {
		kind = 1
	}
	c.pending = c.mix[kind]
	c.target = &c.sessions[d.pick.IntN(len(c.sessions))]
	c.sent = time.Now()
	var expiry int64
	if c.pending.writes {
		d.random.Read(c.fresh)
		expiry = d.times.expiry(c.sent)
	}
	r := c.requests[kind]
	c.pending.fill(r, c.target, c.fresh, expiry)
	return c.write(r.bytes)
}

// finish judges the reply and remembers what is in the table now.
func (c *client) finish(r *reply) error {
	switch {
	case r.err != nil:
		return r.err
	case string(r.tag) != c.pending.tag:
		return fmt.Errorf("%s answered %q instead of %q", c.pending.name, r.tag, c.pending.tag)
	case c.pending.writes:
		c.target.data, c.fresh = c.fresh, c.target.data
	}
	return nil
}
