package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/wire"

	"golang.org/x/sys/unix"
)

// drainTimeout is how long running statements may take once the server leaves.
const drainTimeout = 10 * time.Second

// service is what a server is made of, apart from the database.
type service struct {
	flags      *serveFlags
	log        *slog.Logger
	supervisor supervisor
	place      *place
	passed     *passedSockets
	access     *wire.Access // nil: no TCP
	ready      io.WriteCloser
	reload     chan os.Signal
}

// serve runs the server until a signal, ctx or idleness ends it. The order
// matters: whoever holds the directory's lock, and nobody else, touches the
// socket; the socket's name goes before the lock is freed.
func serve(ctx context.Context, f *serveFlags, stderr io.Writer) error {
	unix.Umask(0o077) // whatever is created is the user's alone
	stderr, err := openLogFile(stderr, f.LogFile)
	if err != nil {
		return usageError{err}
	}
	s := &service{flags: f, log: newLog(stderr, f.LogLevel), reload: make(chan os.Signal, 1)}
	s.supervisor = supervisor{s.log}
	signal.Notify(s.reload, syscall.SIGHUP)
	defer signal.Stop(s.reload)
	defer s.release()
	if err := s.prepare(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	db, err := openEngine(ctx, f.limitEngine(engine.Options{Dir: f.Dir, MustExist: f.MustExist, Log: s.log}))
	if err != nil && ctx.Err() != nil {
		return nil // told to stop while it waited for the lock
	}
	if err != nil {
		return err
	}
	err = s.serveEngine(ctx, db)
	return errors.Join(err, db.Close())
}

// prepare finds out whatever can be wrong before the database is touched.
func (s *service) prepare() (err error) {
	if s.passed, err = takePassed(s.flags.ReadyFd); err != nil {
		return usageError{err}
	}
	if s.ready, err = openReady(s.flags.ReadyFd); err != nil {
		return usageError{err}
	}
	if s.place, err = newPlace(s.flags, s.passed); err != nil {
		return err
	}
	if len(s.passed.remote) > 0 {
		err = s.flags.validateAccess("a TCP socket passed by the service manager")
	}
	if err == nil && s.servesTCP() {
		s.access, err = s.flags.loadAccess(s.log)
	}
	if err != nil {
		return usageError{err}
	}
	return nil
}

func (s *service) servesTCP() bool { return len(s.flags.Listen)+len(s.passed.remote) > 0 }

func (s *service) release() {
	if s.ready != nil {
		s.ready.Close()
	}
	if s.passed != nil {
		s.passed.close()
	}
}

// serveEngine announces the server and lets it work.
func (s *service) serveEngine(ctx context.Context, db *engine.Engine) error {
	server, err := s.newServer(db)
	if err != nil {
		return usageError{err}
	}
	listeners, err := s.listen()
	defer closeAll(listeners)
	if err != nil {
		return err
	}
	defer s.place.remove()
	if err := s.place.announce(); err != nil {
		return err
	}
	go server.Serve(listeners...)
	feeding, starve := context.WithCancel(context.Background())
	defer starve()
	go s.supervisor.feed(feeding, db)
	s.sayReady(listeners)
	s.stay(ctx, server)
	s.leave(server, listeners)
	return nil
}

func (s *service) newServer(db *engine.Engine) (*wire.Server, error) {
	identity := gate.Identity{Version: "PostgreSQL 15.0 (chaisqld " + Version + ")"}
	server, err := wire.NewServer(db, gate.New(gate.Limits{}).WithIdentity(identity), s.flags.limitWire(wire.Options{
		Version: Version, IdleExit: s.flags.IdleExit, AllowUIDs: s.flags.AllowUID, Log: s.log,
	}))
	if err == nil {
		server.SetAccess(s.access)
	}
	return server, err
}

// listen gives the sockets that were passed and opens the others.
func (s *service) listen() ([]wire.Listener, error) {
	var listeners []wire.Listener
	for _, l := range s.passed.remote {
		listeners = append(listeners, l)
	}
	remote, err := s.flags.listenTCP()
	if err != nil {
		return listeners, err
	}
	for _, l := range remote {
		listeners = append(listeners, l)
	}
	local := s.passed.local
	if local == nil {
		if local, err = s.place.listen(); err != nil {
			return listeners, err
		}
	}
	return append(listeners, local), nil
}

func closeAll(listeners []wire.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// sayReady tells everybody who might wait for it.
func (s *service) sayReady(listeners []wire.Listener) {
	for _, l := range listeners {
		s.log.Info("listening", "network", l.Addr().Network(), "address", l.Addr().String())
	}
	s.log.Info("ready", "version", Version, "dir", s.flags.Dir, "socket", s.place.socket())
	sayReady(s.ready, s.log)
	s.supervisor.ready(s.status())
}

func (s *service) status() string { return "Serving " + s.flags.Dir }

// stay returns when the server is to leave.
func (s *service) stay(ctx context.Context, server *wire.Server) {
	for {
		select {
		case <-s.reload:
			s.rereadAccess(server)
		case <-ctx.Done():
			s.log.Info("leaving: asked to")
			return
		case <-server.Idle():
			s.log.Info("leaving: no connections", "for", s.flags.IdleExit)
			return
		}
	}
}

// rereadAccess takes new certificates and users. What is wrong with them is no
// reason to turn away those who could log in so far.
func (s *service) rereadAccess(server *wire.Server) {
	s.supervisor.reloading()
	if !s.servesTCP() {
		s.log.Info("nothing to read again: TCP is not served")
		s.supervisor.ready(s.status())
		return
	}
	access, err := s.flags.loadAccess(s.log)
	if err != nil {
		s.log.Error("the certificate and the users stay as they were", "error", err)
		s.supervisor.ready(s.status() + "; reading certificate and users again failed")
		return
	}
	server.SetAccess(access)
	s.log.Info("read certificate and users again")
	s.supervisor.ready(s.status())
}

// leave ends the server while the lock is still held: no successor can have
// made a socket of the same name yet. Clients that wait at a passed socket are
// left to the successor.
func (s *service) leave(server *wire.Server, listeners []wire.Listener) {
	s.supervisor.stopping("Finishing what runs")
	s.place.remove()
	s.passed.close()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	server.Shutdown(ctx, listeners...)
}

func newLog(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil { // the flag's enum lists what it takes
		panic(fmt.Errorf("log level %q: %w", level, err))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}
