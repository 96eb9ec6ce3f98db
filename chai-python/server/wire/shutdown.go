package wire

import (
	"context"
	"time"
)

// The stages of leaving: clients that connected before the socket's name was
// removed are still in the listener's queue and get a proper refusal.
const (
	backlogWait  = 20 * time.Millisecond // for the kernel to hand over a queued client
	backlogLimit = time.Second           // for all of them: on TCP more may come all the time
	cancelWait   = 2 * time.Second       // for cancelled statements to end
)

// Shutdown refuses new clients, lets running statements finish until ctx is
// done, then cancels them, then disconnects whoever is left. The caller has
// removed the socket's name before, while it still holds the database's lock:
// so nobody new can come, and no successor's socket is removed.
func (s *Server) Shutdown(ctx context.Context, listeners ...Listener) {
	s.mu.Lock()
	s.draining, s.backlogEnd = true, time.Now().Add(backlogLimit)
	s.mu.Unlock()
	s.each((*conn).drain)
	for _, l := range listeners {
		l.SetDeadline(time.Now().Add(backlogWait))
		defer l.Close()
	}
	done := s.allGone()
	if waitFor(done, ctx.Done()) {
		return
	}
	s.options.Log.Warn("statements are still running: cancelling them", "connections", s.Connections())
	s.each(func(c *conn) { c.cancel.cancel(errAdminShutdown) })
	limit := time.NewTimer(cancelWait)
	defer limit.Stop()
	if waitFor(done, limit.C) {
		return
	}
	s.options.Log.Error("disconnecting clients whose statements do not end", "connections", s.Connections())
	s.each(func(c *conn) { c.socket.Close() })
}

// mayDrain says whether there is time left to tell queued clients to come again.
func (s *Server) mayDrain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.backlogEnd)
}

// each calls f for every connection, without holding the server's lock.
func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	conns := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		f(c)
	}
}

// allGone is closed once Serve brings no more clients and the last one has left.
func (s *Server) allGone() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-s.served
		s.handlers.Wait()
	}()
	return done
}

// waitFor reports whether done came before limit.
func waitFor[T any](done <-chan struct{}, limit <-chan T) bool {
	select {
	case <-done:
		return true
	case <-limit:
		return false
	}
}
