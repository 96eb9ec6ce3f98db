package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// simulated is a client that asks again some time after each answer.
type simulated struct {
	name    string
	turn    time.Duration // of the writer
	pause   time.Duration
	client  Client
	request *request
	next    time.Time
	waits   []time.Duration
}

// simulate lets clients share a writer on a clock of its own, and tells how many were served per transaction.
func simulate(t *testing.T, wait, total time.Duration, clients ...*simulated) (groups []int) {
	t.Helper()
	q := newQueue(1024, wait)
	now, asks := epoch, map[*request]*simulated{}
	for end := now.Add(total); now.Before(end); {
		next := end
		for _, c := range clients {
			if c.request == nil && !c.next.After(now) {
				c.request = &request{WriteRequest: WriteRequest{Client: &c.client}, queued: now}
				asks[c.request] = c
				if err := q.push(c.request); err != nil {
					t.Fatal(err)
				}
			}
			if c.request == nil && c.next.Before(next) {
				next = c.next
			}
		}
		group, rest := q.take(nil, now, 64, 1<<20)
		if len(group) == 0 {
			if now = next; !rest.IsZero() && rest.Before(next) {
				now = rest
			}
			continue
		}
		groups = append(groups, len(group))
		for _, r := range group {
			c := asks[r]
			c.waits = append(c.waits, now.Sub(r.queued))
			now = now.Add(c.turn)
			q.shares.end(r.Client, c.turn, now)
		}
		for _, r := range group {
			c := asks[r]
			c.request, c.next = nil, now.Add(c.pause)
		}
	}
	return groups
}

// quantile is a client's wait that the part p of its waits does not exceed.
func (c *simulated) quantile(p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(c.waits))
	if len(sorted) == 0 {
		return time.Hour
	}
	return sorted[int(p*float64(len(sorted)-1))]
}

func heavies(n int, turn time.Duration) (list []*simulated) {
	for i := range n {
		list = append(list, &simulated{name: fmt.Sprint("heavy ", i), turn: turn})
	}
	return list
}

func TestSavesAreServedBesideLongTurns(t *testing.T) {
	for _, test := range []struct {
		name   string
		heavy  []*simulated
		most   time.Duration
		median time.Duration
	}{
		{"one", heavies(1, 400*time.Millisecond), 400 * time.Millisecond, 0},
		{"eight", heavies(8, 400*time.Millisecond), 400 * time.Millisecond, 0},
		{"one of several seconds", heavies(1, 3*time.Second), 3 * time.Second, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			save := &simulated{name: "save", turn: 500 * time.Microsecond, pause: 100 * time.Microsecond}
			simulate(t, 5*time.Second, 2*time.Minute, append(test.heavy, save)...)
			save.waits = save.waits[1:] // whose turns are long is not known at first
			if most, median := save.quantile(1), save.quantile(0.5); most > test.most || median > test.median {
				t.Errorf("a save waited %s at most, %s in the median; want %s and %s", most, median, test.most, test.median)
			}
			for _, c := range test.heavy {
				if len(c.waits) < 5 {
					t.Errorf("%s had %d turns in two minutes", c.name, len(c.waits))
				}
			}
		})
	}
}

// Alone, or among its like, nobody rests.
func TestLongTurnsAloneDoNotRest(t *testing.T) {
	for _, n := range []int{1, 8} {
		clients := heavies(n, 400*time.Millisecond)
		simulate(t, time.Hour, time.Minute, clients...)
		turns := 0
		for _, c := range clients {
			turns += len(c.waits)
			if got := len(c.waits); got < 150/n || got > 150/n+1 {
				t.Errorf("%s of %d had %d of 150 turns", c.name, n, got)
			}
		}
		if turns != 150 {
			t.Errorf("%d clients had %d turns of 0.4 s in a minute", n, turns)
		}
	}
}

// However many clients use the writer little, one that uses it much has its turn before it has waited too long.
func TestNobodyWaitsInVain(t *testing.T) {
	clients := heavies(1, 300*time.Millisecond)
	for i := range 200 {
		clients = append(clients, &simulated{name: fmt.Sprint("save ", i), turn: 500 * time.Microsecond})
	}
	simulate(t, 5*time.Second, time.Minute, clients...)
	if most := clients[0].quantile(1); most >= 5*time.Second/2+time.Second || len(clients[0].waits) < 10 {
		t.Errorf("it had %d turns and waited %s", len(clients[0].waits), most)
	}
}

// Clients that use the writer little share transactions, in the order in which they came, also after a long turn of another one.
func TestShortTurnsShareTransactions(t *testing.T) {
	var clients []*simulated
	for i := range 40 {
		clients = append(clients, &simulated{name: fmt.Sprint("save ", i), turn: 100 * time.Microsecond})
	}
	for i, n := range simulate(t, 5*time.Second, time.Second, clients...) {
		if n != 40 {
			t.Fatalf("transaction %d has %d members", i, n)
		}
	}
	clients = append(clients, heavies(1, 100*time.Millisecond)...)
	for i, n := range simulate(t, 5*time.Second, time.Second, clients...) {
		if i > 0 && n != 1 && n != 40 {
			t.Fatalf("beside a long turn transaction %d has %d members", i, n)
		}
	}
}

// Who did nothing for long has not saved up turns.
func TestNobodySavesUpTurns(t *testing.T) {
	var s shares
	var busy, idle Client
	for range 100 {
		s.ask(&busy)
		s.begin(&busy)
		s.end(&busy, time.Millisecond, epoch)
	}
	s.ask(&idle)
	if ahead := busy.used - idle.used; ahead != time.Millisecond {
		t.Errorf("who comes back is ahead by %s, more than one turn", ahead)
	}
	s.end(&busy, time.Hour, epoch)
	if behind := busy.used - idle.used; behind > mostDebt+time.Millisecond {
		t.Errorf("a long turn puts its client back by %s", behind)
	}
}
