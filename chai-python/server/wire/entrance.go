package wire

import (
	"slices"
	"time"
)

// Those who have connected and not logged in yet. Whoever holds all places
// without a word would keep everybody else out for as long as a login may take,
// and then come again. So at a limit the oldest of those gives way who have said
// least, as in sshd (MaxStartups): a login that goes on takes a moment.

// entrance lists them, the oldest first. Server.mu guards it.
type entrance struct {
	clients []*conn
	remote  int // of them, on TCP
	drops   int // not in the log yet
	logged  time.Time
}

// progress is how far a client has come.
type progress int

const (
	knocking   progress = iota // no start packet yet
	introduced                 // it has told who it wants to be
	refused                    // its answer waits for LoginDelay, which is to slow it down
	known                      // it has logged in
	dropped                    // its place was given to another one
)

// dropLogEvery is how often the log tells of those who were dropped.
const dropLogEvery = time.Second

func (e *entrance) add(c *conn) {
	e.clients = append(e.clients, c)
	if c.remote() {
		e.remote++
	}
}

func (e *entrance) remove(c *conn) {
	i := slices.Index(e.clients, c)
	if i < 0 {
		return
	}
	e.clients = slices.Delete(e.clients, i, i+1)
	if c.remote() {
		e.remote--
	}
}

// idlest is the one that gives way, nil when nobody has to.
func (e *entrance) idlest(remote bool) *conn {
	for _, p := range []progress{knocking, introduced} {
		for _, c := range e.clients {
			if c.progress == p && (c.remote() || !remote) {
				return c
			}
		}
	}
	return nil
}

// comes notes how far a client has come.
func (s *Server) comes(c *conn, p progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.progress == dropped {
		return
	}
	if c.progress = p; p == known {
		s.entering.remove(c)
	}
}

// makeRoom drops a client for another one that would be refused. s.mu is held.
func (s *Server) makeRoom(c *conn) bool {
	if s.draining {
		return false
	}
	victim := s.entering.idlest(c.remote() && s.entering.remote >= s.options.MaxUnauthenticated)
	if victim == nil {
		return false
	}
	s.forget(victim)
	victim.progress = dropped
	victim.socket.Close()
	s.logDrop(time.Now())
	return true
}

// logDrop keeps many of them from filling the log.
func (s *Server) logDrop(now time.Time) {
	e := &s.entering
	if e.drops++; now.Sub(e.logged) < dropLogEvery {
		return
	}
	s.options.Log.Warn("dropped clients that had not logged in, to make room for others", "clients", e.drops)
	e.drops, e.logged = 0, now
}
