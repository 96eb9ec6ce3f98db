// Package wire speaks the PostgreSQL frontend/backend protocol, version 3, on
// Unix sockets, and over TCP with TLS. Its files are named after the protocol phases of PostgreSQL's
// manual (chapter "Frontend/Backend Protocol"); what statements mean is the
// gate's business, and where rows are kept the engine's.
package wire

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
)

// Server accepts clients and counts them.
type Server struct {
	engine  *engine.Engine
	gate    *gate.Gate
	options Options
	access  atomic.Pointer[Access]
	lane    *gate.Lane
	memory  *gate.Memory

	mu       sync.Mutex
	conns    map[uint32]*conn
	entering entrance
	lastID   uint32
	idleTurn int // tells the current idle period from earlier ones
	draining bool

	backlogEnd time.Time // of accepting clients to refuse them, once draining

	refusing chan struct{}  // one token for each refusal under way
	handlers sync.WaitGroup // everything that Serve started
	idle     chan struct{}  // closed: nobody came for IdleExit
	served   chan struct{}  // closed: Serve brings no more clients
}

// maxRefusals bounds the clients that are told at once why they cannot be
// served; beyond it they are just disconnected.
const maxRefusals = 32

// NewServer checks the options; it does no I/O.
func NewServer(e *engine.Engine, g *gate.Gate, o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Server{
		engine: e, gate: g, options: o,
		lane:     gate.NewLane(runtime.GOMAXPROCS(0) - 1),
		memory:   gate.NewMemory(o.Memory),
		conns:    make(map[uint32]*conn),
		refusing: make(chan struct{}, maxRefusals),
		idle:     make(chan struct{}),
		served:   make(chan struct{}),
	}, nil
}

// Listener is a *net.UnixListener or a *net.TCPListener.
type Listener interface {
	net.Listener
	SetDeadline(time.Time) error
}

// Serve accepts clients until Shutdown, once.
func (s *Server) Serve(listeners ...Listener) {
	defer close(s.served)
	s.mu.Lock()
	s.armIdle()
	s.mu.Unlock()
	var accepting sync.WaitGroup
	for _, l := range listeners {
		accepting.Go(func() { s.accept(l) })
	}
	accepting.Wait()
}

func (s *Server) accept(l Listener) {
	var pause time.Duration
	fresh := false // somebody came since the deadline was set
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause, fresh = 0, true
			s.admit(nc)
		case isTimeout(err) && fresh && s.mayDrain(): // Shutdown sets a deadline; the queue may hold more
			fresh = false
			l.SetDeadline(time.Now().Add(backlogWait))
		case errors.Is(err, net.ErrClosed), isTimeout(err):
			return
		default:
			// Mostly "too many open files": it passes when a client leaves.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.options.Log.Warn("cannot accept a client", "error", err, "pause", pause)
			time.Sleep(pause)
		}
	}
}

// Idle is closed when IdleExit passed without a connection. From then on the
// server refuses new clients, so that the decision to leave cannot be overtaken.
func (s *Server) Idle() <-chan struct{} { return s.idle }

// Connections counts the clients being served.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// admit starts serving a client, or tells it why not.
func (s *Server) admit(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	reason := s.refusal(c)
	if reason != nil && s.makeRoom(c) {
		reason = s.refusal(c)
	}
	if reason == nil {
		s.register(c)
	}
	s.handlers.Add(1)
	s.mu.Unlock()
	if reason == nil {
		go func() {
			defer s.handlers.Done()
			defer s.unregister(c)
			c.serve()
		}()
		return
	}
	go func() {
		defer s.handlers.Done()
		s.refuse(c, reason)
	}()
}

// refusal is why this client cannot be served now. s.mu is held.
func (s *Server) refusal(c *conn) error {
	switch {
	case s.draining:
		return errShuttingDown
	case len(s.conns) >= s.options.MaxConnections:
		return tooManyConnections(s.options.MaxConnections)
	case c.remote() && s.entering.remote >= s.options.MaxUnauthenticated:
		return tooManyUnauthenticated(s.options.MaxUnauthenticated)
	}
	return nil
}

func (s *Server) refuse(c *conn, reason error) {
	defer c.close()
	select {
	case s.refusing <- struct{}{}:
		defer func() { <-s.refusing }()
		s.options.Log.Info("client refused", "code", sqlstate(reason))
		c.refuse(reason)
	default:
	}
}

// register gives the client an identifier that no other one has. s.mu is held.
func (s *Server) register(c *conn) {
	for s.lastID++; s.lastID == 0 || s.conns[s.lastID] != nil; s.lastID++ {
	}
	c.id = s.lastID
	s.conns[c.id] = c
	s.idleTurn++
	s.entering.add(c)
}

func (s *Server) unregister(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.progress != dropped {
		s.forget(c)
		s.armIdle()
	}
}

// forget makes room for the next one. s.mu is held.
func (s *Server) forget(c *conn) {
	delete(s.conns, c.id)
	s.entering.remove(c)
}

// armIdle starts the idle clock when nobody is connected. s.mu is held.
func (s *Server) armIdle() {
	if len(s.conns) > 0 || s.draining || s.options.IdleExit == 0 {
		return
	}
	s.idleTurn++
	turn := s.idleTurn
	time.AfterFunc(s.options.IdleExit, func() { s.leaveIfIdle(turn) })
}

func (s *Server) leaveIfIdle(turn int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if turn == s.idleTurn && len(s.conns) == 0 && !s.draining {
		s.draining = true
		close(s.idle)
	}
}

// find returns the connection of that identifier, nil when it is gone.
func (s *Server) find(id uint32) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
