package wire

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Who only knocks does not keep others from coming in, whether over TCP or on the Unix socket.
func TestSilentClientsGiveWay(t *testing.T) {
	var log safeBuffer
	s := startRemote(t, Options{MaxConnections: 6, MaxUnauthenticated: 3, Log: testLog(&log)})
	asked := s.login(t, testUser) // the oldest, but it has said who it is
	var silent []*client
	for i := range 2 {
		silent = append(silent, s.dialTCP(t))
		eventually(t, "it is there", func() bool { return s.Connections() == i+2 })
	}
	var clients []*pgx.Conn
	for range 3 {
		c, err := s.pgx(t, "")
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	silent[0].expect("EOF")
	asked.send(final(proofOf(t, "wrong", asked.challenge(first(scramPlain, clientFirst)))))
	asked.expect("FATAL 28P01", "EOF")
	eventually(t, "it is gone", func() bool { return s.Connections() == 4 })
	s.dial(t)
	eventually(t, "five are there", func() bool { return s.Connections() == 5 })
	s.dial(t)
	eventually(t, "all places are taken", func() bool { return s.Connections() == 6 })
	for range 3 {
		s.connect(t)
	}
	silent[1].expect("EOF")
	last := s.dial(t)
	last.send(startupMessage("user", "tester"))
	last.expect("FATAL 53300", "EOF") // those who have logged in stay
	for _, c := range clients {
		if err := c.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(log.String(), "to make room for others") {
		t.Errorf("the log does not tell:\n%s", log.String())
	}
}

// However many come without a word, those who log in get through, and none of them is left behind.
func TestLoginsBesideManySilentClients(t *testing.T) {
	s := startServer(t, Options{MaxConnections: 5})
	for i := range 50 {
		s.dial(t)
		if i%10 == 9 {
			c := s.connect(t)
			c.do("", "EmptyQueryResponse", "Ready I")
			c.nc.Close()
		}
	}
	if n := s.Connections(); n > 5 {
		t.Errorf("%d connections", n)
	}
}

// Those whose login has failed, and who wait to hear it, keep their places: guessing stays slow.
func TestFailedLoginsKeepTheirPlaces(t *testing.T) {
	failed := make(chan map[progress]int, 1)
	var s *remoteServer
	log := slog.New(&logWatcher{Handler: slog.DiscardHandler, message: "login failed", seen: func() { failed <- s.progresses() }})
	s = startRemote(t, Options{MaxUnauthenticated: 2, LoginDelay: time.Millisecond, Log: log})
	guess := s.login(t, testUser)
	guess.send(final(proofOf(t, "wrong", guess.challenge(first(scramPlain, clientFirst)))))
	if counts := <-failed; counts[refused] != 1 {
		t.Errorf("when the login has failed: %v", counts)
	}
	guess.expect("FATAL 28P01", "EOF")
	eventually(t, "it is gone", func() bool { return s.Connections() == 0 })
	for range 2 {
		s.login(t, testUser)
	}
	s.each(func(c *conn) { s.comes(c, refused) }) // as if both had failed just now
	third := s.overTLS(t)
	third.send(startupMessage("user", testUser))
	third.expect("FATAL 53300", "EOF")
	s.connect(t) // on the Unix socket there is no such limit
}

// progresses counts the clients that have come so far.
func (s *testServer) progresses() map[progress]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[progress]int{}
	for _, c := range s.conns {
		counts[c.progress]++
	}
	return counts
}

// logWatcher calls seen in the middle of what is logged as message.
type logWatcher struct {
	slog.Handler
	message string
	seen    func()
}

func (w *logWatcher) Enabled(context.Context, slog.Level) bool { return true }
func (w *logWatcher) WithAttrs([]slog.Attr) slog.Handler       { return w }
func (w *logWatcher) Handle(_ context.Context, r slog.Record) error {
	if r.Message == w.message {
		w.seen()
	}
	return nil
}

func TestDropsAreLoggedTogether(t *testing.T) {
	var log safeBuffer
	s := &Server{options: Options{Log: testLog(&log)}}
	now := time.Unix(1, 0)
	for i := range 100 {
		s.logDrop(now.Add(time.Duration(i) * dropLogEvery / 50))
	}
	for _, n := range []int{1, 50} {
		if want := fmt.Sprintf("clients=%d\n", n); strings.Count(log.String(), want) != 1 {
			t.Errorf("not once %q in\n%s", want, log.String())
		}
	}
}
