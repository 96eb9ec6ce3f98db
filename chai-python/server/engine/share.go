package engine

// The writer is shared by the time that clients use it, not by their requests:
// next is who will have used it least lately, its next turn taken to be as long
// as its last one. Nobody saves up turns, as who comes
// back after a while begins where the others are, and nobody falls behind by
// more than mostDebt.
//
// That alone does not help those who ask seldom: they do not wait yet when a
// long turn ends, and the next one of the same client would begin at once. So
// its client then rests for as long, if others have come lately.

import (
	"time"
)

const (
	longTurn   = 20 * time.Millisecond // who takes this long shares no transaction, and rests
	mostDebt   = time.Second           // also the longest rest
	othersLast = time.Second           // so long after their turn others count
)

// Client is whom the writer's time is counted for, one for each connection. The
// zero value is ready for use. The queue's lock guards it.
type Client struct {
	used  time.Duration // on the clock of shares
	last  time.Duration // what its last turn took
	rests time.Time     // until then others go before it
}

// long tells whether its next turn may well be a long one.
func (c *Client) long() bool { return c != nil && c.last >= longTurn }

// shares counts what clients use. A nil client is always a new one.
type shares struct {
	clock  time.Duration // what a new client has used
	recent [2]turnTaken  // the last turns of two clients, the newest first
}

type turnTaken struct {
	client *Client
	at     time.Time
}

// after is what a client will have used after its next turn.
func (s *shares) after(c *Client) time.Duration {
	if c == nil {
		return s.clock
	}
	return c.used + c.last
}

// ask readies a client to be compared with others.
func (s *shares) ask(c *Client) {
	if c != nil {
		c.used = max(c.used, s.clock)
	}
}

// begin moves the clock on to the client that is served next.
func (s *shares) begin(c *Client) {
	if c != nil {
		s.clock = max(s.clock, c.used)
	}
}

// end counts what a turn took.
func (s *shares) end(c *Client, took time.Duration, now time.Time) {
	if c == nil {
		return
	}
	c.used, c.last = min(c.used+took, s.clock+mostDebt), took
	if c.long() {
		c.rests = now.Add(min(took, mostDebt))
	}
	if s.recent[0].client != c {
		s.recent[1] = s.recent[0]
	}
	s.recent[0] = turnTaken{c, now}
}

// resting tells whether a client has to let others go before it. What they use
// meanwhile does not put it before them.
func (s *shares) resting(c *Client, now time.Time) bool {
	if c == nil || !now.Before(c.rests) {
		return false
	}
	for _, t := range s.recent {
		if t.client != nil && t.client != c && now.Sub(t.at) < othersLast {
			s.ask(c)
			return true
		}
	}
	return false
}
