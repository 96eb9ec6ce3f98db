package wire

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	refusalTimeout = time.Second // for a client that will not be served to hear why
	farewellLimit  = 64 << 20    // bytes that a client may still be sending while it is told why it has to go
	keptBuffer     = 64 << 10    // a reply buffer larger than this is not kept for the next reply
	sendAhead      = 256 << 10   // replies larger than this are sent in parts
)

// conn is one client's connection. All of it belongs to one goroutine, except
// for what drain and cancel touch.
type conn struct {
	server  *Server
	socket  net.Conn          // what was accepted; deadlines are set here, by other goroutines too
	nc      net.Conn          // what is read from and written to: the socket, or TLS on it
	access  *Access           // by which TLS was begun; nil without TLS
	backend *pgproto3.Backend // reads messages; replies are gathered in out
	id      uint32
	client  engine.Client // whom the engine counts the writer's time for
	cancel  *canceler
	log     *slog.Logger

	out      []byte // replies, sent with one system call
	settings settings
	tx       transaction
	batch    batch
	skipping bool // after an error in an extended query: until Sync

	statements map[string]*statement
	portals    map[string]*portal

	meter          *gate.Meter
	statementBytes int           // what the prepared statements weigh
	worked         time.Duration // the time that statements took since the last Sync or Flush

	progress progress  // of its login; guarded by server.mu
	timed    bool      // a read deadline is set
	writeBy  time.Time // the write deadline
	running  running
	started  atomic.Bool
	draining atomic.Bool
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{
		server: s, socket: nc, nc: nc, backend: pgproto3.NewBackend(nc, nc), cancel: newCanceler(), log: s.options.Log,
		settings:   newSettings(s.options.Version, s.options.StatementTimeout),
		statements: map[string]*statement{},
		portals:    map[string]*portal{},
		meter:      gate.NewMeter(s.lane, s.memory, s.options.ConnectionMemory),
	}
	c.backend.SetMaxBodyLen(s.options.MaxMessageBytes)
	c.running.bind(c)
	return c
}

// serve is the connection's life.
func (c *conn) serve() {
	c.log = c.log.With("connection", c.id)
	if c.remote() {
		c.log = c.log.With("remote", c.socket.RemoteAddr().String())
	}
	defer c.close()
	defer c.releaseEngine()
	defer c.recoverPanic()
	err := c.startup()
	if err == nil {
		c.log.Debug("client connected", "application", c.settings.get("application_name"))
		err = c.loop()
	}
	c.farewell(err)
}

// close ends the connection; TLS has a word for that, which gets five seconds.
func (c *conn) close() {
	c.cancel.close()
	c.meter.Settle(0)
	c.nc.Close()
}

// loop handles messages until one of them, or the network, ends the connection.
func (c *conn) loop() error {
	for {
		m, err := c.receive()
		if err != nil {
			return err
		}
		if err := c.handle(m); err != nil {
			return err
		}
	}
}

// handle acts on one message. An error it returns ends the connection; those of
// statements have been told to the client and are over.
func (c *conn) handle(m pgproto3.FrontendMessage) error {
	switch m.(type) {
	case *pgproto3.Terminate:
		return errOver
	case *pgproto3.Sync:
		return c.sync()
	}
	if c.skipping {
		return nil
	}
	switch m := m.(type) {
	case *pgproto3.Query:
		return c.simpleQuery(m.String)
	case *pgproto3.Parse, *pgproto3.Bind, *pgproto3.Describe, *pgproto3.Execute, *pgproto3.Close, *pgproto3.Flush:
		if err := c.extendedQuery(m); err != nil || len(c.out) <= sendAhead {
			return err
		}
		return c.flush() // a client that sends no Sync gets its replies nevertheless
	case *pgproto3.FunctionCall:
		return c.simpleFailure(pgerr.New(pgerr.FeatureNotSupported, "the function call protocol is not supported"))
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
		return nil // the manual: ignored outside of COPY, they may follow a COPY that failed
	}
	return violation("unexpected message %T", m).AsFatal()
}

// receive waits for the next message: as long as it takes, except that a client
// must not sit on the writer.
func (c *conn) receive() (pgproto3.FrontendMessage, error) {
	if err := c.limitWait(); err != nil {
		return nil, err
	}
	m, err := c.backend.Receive()
	if err != nil {
		return nil, c.broken(err)
	}
	return m, nil
}

// broken is what it means that no message could be read.
func (c *conn) broken(err error) error {
	var tooLong *pgproto3.ExceededMaxBodyLenErr
	var network net.Error
	switch {
	case errors.As(err, &tooLong):
		return pgerr.New(pgerr.ProgramLimitExceeded, "message of %d bytes exceeds the limit of %d bytes",
			tooLong.ActualBodyLen, tooLong.MaxExpectedBodyLen).AsFatal()
	case isTimeout(err) && c.draining.Load():
		return errAdminShutdown
	case isTimeout(err):
		return errIdleTransaction
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF): // also between messages
		return errOver
	case errors.Is(err, io.EOF): // of the message's body, while it was decoded
		return violation("invalid message format: a message ends before its last field").AsFatal()
	}
	return violation("%w", err).AsFatal()
}

// limitWait sets the deadline for the next message. drain may have set one at
// the same time: it marks the connection first, so one of the two sees the other.
func (c *conn) limitWait() error {
	limit := c.idleLimit()
	if limit == 0 {
		if !c.timed {
			return nil
		}
		return c.clearDeadlines()
	}
	c.timed = true
	err := c.socket.SetReadDeadline(time.Now().Add(limit))
	if c.draining.Load() {
		c.drain()
	}
	return err
}

func (c *conn) clearDeadlines() error {
	c.timed = false
	return c.setDeadline(time.Time{})
}

func (c *conn) setDeadline(at time.Time) error {
	c.writeBy = time.Time{}
	err := c.socket.SetDeadline(at)
	if c.draining.Load() {
		c.drain()
	}
	return err
}

// drain ends the connection when it next waits for its client, who gets a
// moment to finish its start packet. It is called from another goroutine.
func (c *conn) drain() {
	c.draining.Store(true)
	deadline := time.Unix(1, 0)
	if !c.started.Load() {
		deadline = time.Now().Add(refusalTimeout)
	}
	c.socket.SetReadDeadline(deadline)
}

// send adds a reply, in its place after those of statements still pending.
func (c *conn) send(m pgproto3.BackendMessage) {
	buffer := c.replies()
	*buffer = appendMessage(*buffer, m)
}

// replies is where the next reply goes.
func (c *conn) replies() *[]byte {
	if c.batch.pending() {
		return &c.batch.staged
	}
	return &c.out
}

// flush writes the gathered replies with one system call.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.limitWrite()
	_, err := c.nc.Write(c.out)
	if cap(c.out) > keptBuffer {
		c.out = nil
	} else {
		c.out = c.out[:0]
	}
	if err == nil {
		return nil
	}
	if isTimeout(err) {
		c.log.Warn("disconnecting a client that does not take its reply; --send-timeout is the limit, or up to a quarter more",
			"limit", c.server.options.SendTimeout)
	} else {
		c.log.Info("client left before it took its reply", "error", err)
	}
	return errOver
}

// limitWrite gives the client SendTimeout to take a reply, or up to a quarter
// more: a new deadline for each reply would cost a tenth of a find.
func (c *conn) limitWrite() {
	limit, now := c.server.options.SendTimeout, time.Now()
	if c.writeBy.Sub(now) < limit {
		c.writeBy = now.Add(limit + limit/4)
		c.socket.SetWriteDeadline(c.writeBy)
	}
}

// farewell tells the client why the connection ends, if it is for a reason.
func (c *conn) farewell(err error) {
	if errors.Is(err, errOver) {
		c.log.Debug("client left")
		return
	}
	c.releaseEngine() // the client may take its time to listen
	e := asError(err).AsFatal()
	c.log.Info("connection ended", "code", e.Code)
	c.batch.reset()
	c.send(errorResponse(e))
	if c.flush() == nil && (e.Code == pgerr.ProgramLimitExceeded || e.Code == pgerr.ProtocolViolation) {
		c.linger()
	}
}

// linger lets a client finish what it is in the middle of sending, without which
// it might never read why it is not listened to.
func (c *conn) linger() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.socket.SetReadDeadline(time.Now().Add(refusalTimeout))
	discard(c.nc, farewellLimit)
}

// recoverPanic keeps a defect from reaching other connections. What the panic
// said may hold values and stays out of the log, unless it is the runtime's.
func (c *conn) recoverPanic() {
	p := recover()
	if p == nil {
		return
	}
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	c.log.Error("panic in a connection; it is closed", "panic", what, "stack", string(debug.Stack()))
	c.farewell(pgerr.New(pgerr.InternalError, "internal error: the server's log has the details"))
}
