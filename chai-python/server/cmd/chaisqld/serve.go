package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
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

// serve runs the server until a signal, ctx or idleness ends it. The order
// matters: whoever holds the directory's lock, and nobody else, touches the
// socket; the socket's name goes before the lock is freed.
func serve(ctx context.Context, f *serveFlags, stderr io.Writer) error {
	unix.Umask(0o077) // whatever is created is the user's alone
	ready, err := openReady(f.ReadyFd)
	if err != nil {
		return usageError{err}
	}
	defer ready.Close()
	place, err := newPlace(f)
	if err != nil {
		return err
	}
	log := newLog(stderr, f.LogLevel)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	db, err := engine.Open(ctx, engine.Options{Dir: f.Dir, MustExist: f.MustExist, Log: log})
	if err != nil && ctx.Err() != nil {
		return nil // told to stop while it waited for the lock
	}
	if err != nil {
		return err
	}
	err = serveEngine(ctx, db, place, f, log, ready)
	return errors.Join(err, db.Close())
}

// serveEngine announces the server and lets it work.
func serveEngine(ctx context.Context, db *engine.Engine, place *place, f *serveFlags, log *slog.Logger, ready io.WriteCloser) error {
	server, err := newServer(db, f, log)
	if err != nil {
		return usageError{err}
	}
	listener, err := place.listen()
	if err != nil {
		return err
	}
	defer listener.Close()
	defer place.remove()
	if err := place.announce(); err != nil {
		return err
	}
	go server.Serve(listener)
	log.Info("ready", "version", Version, "dir", f.Dir, "socket", place.socket())
	sayReady(ready, log)
	select {
	case <-ctx.Done():
		log.Info("leaving: asked to")
	case <-server.Idle():
		log.Info("leaving: no connections", "for", f.IdleExit)
	}
	leave(server, place, listener)
	return nil
}

func newServer(db *engine.Engine, f *serveFlags, log *slog.Logger) (*wire.Server, error) {
	identity := gate.Identity{Version: "PostgreSQL 15.0 (chaisqld " + Version + ")"}
	return wire.NewServer(db, gate.New(gate.Limits{}).WithIdentity(identity), wire.Options{
		Version: Version, MaxConnections: f.MaxConnections, IdleExit: f.IdleExit, Log: log,
	})
}

// leave ends the server while the lock is still held: no successor can have
// made a socket of the same name yet.
func leave(server *wire.Server, place *place, listener *net.UnixListener) {
	place.remove()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	server.Shutdown(ctx, listener)
}

func newLog(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil { // the flag's enum lists what it takes
		panic(fmt.Errorf("log level %q: %w", level, err))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}
