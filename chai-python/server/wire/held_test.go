package wire

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A client that never sends Sync gets its replies nevertheless, or they would
// be gathered for ever.
func TestRepliesDoNotWaitForSync(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	c.send(parse("s", "SELECT "+strings.TrimSuffix(strings.Repeat("1 AS c, ", 200), ", ")))
	var questions []pgproto3.FrontendMessage
	for range 200 { // some 5 kB each are answered
		questions = append(questions, describe('S', "s"))
	}
	c.send(questions...)
	c.expect(parsed, "Params []")
	// The same behind a statement that waits, with which the batch is full at some time.
	c = s.connect(t)
	c.run("CREATE TABLE t (id INT PRIMARY KEY)")
	c.send(parse("s", "SELECT "+strings.TrimSuffix(strings.Repeat("1 AS c, ", 200), ", ")))
	c.send(whole("SELECT id FROM t")...)
	for range 8 {
		c.send(questions...)
	}
	c.expect(parsed, parsed, bound, "SELECT 0", "Params []")
}

// Prepared statements, their parameters and rows that wait for their client
// count, and what is no longer there does not.
func TestMemoryOfAConnection(t *testing.T) {
	const limit = 3 << 20
	s := startServer(t, Options{ConnectionMemory: limit})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY)")
	big := strings.Repeat("x", 1<<20)
	full := func(replies []string) bool {
		return len(replies) > 1 && replies[len(replies)-2] == "ERROR 54000"
	}
	for range 3 { // what was let go of can be had again
		sent := c.sendAside(parse("s", "SELECT $1::text"), bind("", "s", big), execute(""), bind("", "s", big), execute(""), syncing)
		if got := c.untilReady(); !full(got) {
			t.Errorf("rows and parameters: %.60q", got)
		}
		sent()
		c.send(bind("", "s", big), execute(""), syncing)
		if got := c.untilReady(); len(got) != 4 {
			t.Errorf("one at a time: %.60q", got)
		}
		c.send(bind("p", "s", big), bind("q", "s", big), bind("r", "s", big), syncing)
		if got := c.untilReady(); !full(got) {
			t.Errorf("portals: %q", got)
		}
		c.send(closing('S', "s"), syncing)
		c.untilReady()
	}
	long := "SELECT 1 -- " + strings.Repeat("x", 16000)
	var got []string
	for i := 0; i < 10 && !full(got); i++ {
		c.send(parse(fmt.Sprint("s", i), long), syncing)
		got = c.untilReady()
	}
	if !full(got) {
		t.Errorf("prepared statements: %q", got)
	}
	c.do("DEALLOCATE ALL", "DEALLOCATE ALL", "Ready I")
	c.send(parse("s", long), syncing)
	c.expect(parsed, "Ready I")
}

func TestMemoryOfAllConnections(t *testing.T) {
	s := startServer(t, Options{ConnectionMemory: 4 << 20, Memory: 5 << 20})
	hold := func(c *client) []string {
		c.send(parse("", "SELECT $1::text"), bind("p", "", strings.Repeat("x", 3<<20)), flushing)
		got := []string{c.next(), c.next()}
		return got
	}
	first, second := s.connect(t), s.connect(t)
	hold(first)
	if got := hold(second); got[1] != bound {
		t.Fatalf("within the limit: %q", got)
	}
	third := s.connect(t)
	if got := hold(third); got[1] != "ERROR 53200" {
		t.Fatalf("beyond it: %q", got)
	}
	third.send(syncing)
	third.expect("Ready I")
	third.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I") // little is always to be had
	first.nc.Close()
	eventually(t, "the memory of a client that left is free", func() bool {
		got := hold(third)
		third.send(syncing)
		third.untilReady()
		return got[1] == bound
	})
}

// However many statements a round trip has, its time is the one of all.
func TestARoundTripHasOneTime(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	c.run("SET statement_timeout = '1s'")
	c.send(parse("s", "SELECT $1 LIKE $2"))
	// Each takes some hundredths of a second, and those that the session answers stand between them.
	text, pattern := strings.Repeat("a", 64<<10), "%"+strings.Repeat("a", 40)+"b"
	for range 200 {
		c.send(append(messages(bind("", "s", text, pattern), execute("")), whole("SHOW server_version")...)...)
	}
	c.send(syncing)
	got := c.untilReady()
	if len(got) < 2 || got[len(got)-2] != "ERROR 57014" {
		t.Errorf("%d replies, at last %q", len(got), got[max(len(got)-3, 0):])
	}
	c.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I") // the next one has its own
}

// A pipeline that would keep the writer for too long is run in a transaction
// that is held, where each statement has a turn.
func TestALongPipelineTakesTurns(t *testing.T) {
	s := startServer(t, Options{PipelineTime: time.Nanosecond})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER); INSERT INTO t VALUES ('a', 0)")
	all := messages(parse("s", "UPDATE t SET n = n + 1 WHERE id = 'a'"))
	const updates = 60 // more than pass before somebody looks at the clock
	for range updates {
		all = append(all, bind("", "s"), execute(""))
	}
	c.send(append(all, syncing)...)
	got := c.untilReady()
	if len(got) != 2+2*updates || got[len(got)-2] != "UPDATE 1" {
		t.Fatalf("%d replies, at last %q", len(got), got[max(len(got)-3, 0):])
	}
	c.do("SELECT n FROM t", "Columns n:23/0", fmt.Sprint("Row ", updates), "SELECT 1", "Ready I")
	c.send(append(all[1:], append(whole("INSERT INTO t VALUES ('a', 0)"), syncing)...)...) // all or nothing, as before
	if got = c.untilReady(); got[len(got)-2] != "ERROR 23505" {
		t.Fatalf("%d replies, at last %q", len(got), got[max(len(got)-3, 0):])
	}
	c.do("SELECT n FROM t", "Columns n:23/0", fmt.Sprint("Row ", updates), "SELECT 1", "Ready I")
}

// Whoever changes no row does not wait for the writer.
func TestLookingForRowsNeedsNoWriter(t *testing.T) {
	s := startServer(t, Options{})
	holder, c := lease(t, s), s.connect(t)
	c.do("UPDATE t SET n = 7 WHERE n = 99", "UPDATE 0", "Ready I")
	c.do("DELETE FROM t WHERE n = 99 RETURNING id", "Columns id:25/0", "DELETE 0", "Ready I")
	c.do("UPDATE t SET n = n / 0 WHERE n = 99", "UPDATE 0", "Ready I")
	c.do("DELETE FROM t WHERE nosuch = 1", "ERROR 42703", "Ready I")
	holder.do("COMMIT", "COMMIT", "Ready I")
	c.do("UPDATE t SET n = 7 WHERE n = 1", "UPDATE 1", "Ready I")
	c.do("UPDATE t SET n = n / 0 WHERE n = 7", "ERROR 22012", "Ready I")
	c.send(append(whole("UPDATE t SET n = 8 WHERE n = $1 RETURNING n", "7"), syncing)...)
	c.expect(parsed, bound, "Row 8", "UPDATE 1", "Ready I")
}

// A cancel request that comes when nothing runs does not hit what runs next.
func TestCancelBetweenStatements(t *testing.T) {
	k := newCanceler()
	defer k.close()
	k.cancel(errUserCancel)
	if ctx := k.begin(0); context.Cause(ctx) != nil {
		t.Errorf("canceled: %v", context.Cause(ctx))
	}
	k.cancel(errUserCancel)
	if context.Cause(k.ctx) != errUserCancel {
		t.Errorf("not canceled while it runs: %v", context.Cause(k.ctx))
	}
	k.end()
	if ctx := k.begin(0); context.Cause(ctx) != nil {
		t.Errorf("the next one is canceled: %v", context.Cause(ctx))
	}
	k.end()
}
