package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chaisqld/pgerr"
)

// holdSync makes the next sync of the log wait.
func holdSync(t *testing.T, dir string) (entered <-chan struct{}, release func()) {
	in, out := make(chan struct{}), make(chan struct{})
	var once sync.Once
	t.Cleanup(hookFiles(dir, func(operation, name string) error {
		if operation == "sync" && strings.HasSuffix(name, ".log") {
			once.Do(func() {
				close(in)
				<-out
			})
		}
		return nil
	}))
	return in, sync.OnceFunc(func() { close(out) })
}

func TestReadsDoNotWaitForASync(t *testing.T) {
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir})
	if err := e.Write(background, WriteRequest{Run: insert("before", nil, epoch)}); err != nil {
		t.Fatal(err)
	}
	entered, release := holdSync(t, dir)
	defer release()
	written := make(chan error, 1)
	go func() { written <- e.Write(background, WriteRequest{Run: insert("during", nil, epoch)}) }()
	<-entered
	within(t, "reads during a sync", func() {
		for range 50 {
			if n := count(t, e); n != 1 {
				t.Errorf("%d rows are visible, want the one that is acknowledged", n)
			}
		}
		s, err := e.Snapshot(background)
		if err != nil {
			t.Error(err)
			return
		}
		s.Close()
	})
	if len(written) != 0 {
		t.Fatal("the write was acknowledged before it was durable")
	}
	release()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if n := count(t, e); n != 2 {
		t.Errorf("%d rows after the write was acknowledged, want 2", n)
	}
}

func TestEverybodyReadsTheirOwnWrites(t *testing.T) {
	e := sessions(t, Options{})
	var wg sync.WaitGroup
	for client := range 8 {
		wg.Go(func() {
			for i := range 50 {
				token := fmt.Sprint(client, "-", i)
				if err := e.Write(background, WriteRequest{Run: insert(token, nil, epoch)}); err != nil {
					t.Error(err)
					return
				}
				if !exists(t, e, token) {
					t.Errorf("%s was written and is not there", token)
				}
			}
		})
	}
	within(t, "clients", wg.Wait)
}

func exists(t *testing.T, e *Engine, token string) (found bool) {
	err := e.Read(background, func(r Reader) error {
		return r.Query("SELECT token FROM sessions WHERE token = $1", []any{token}, func([]any) error { found = true; return nil })
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

// Two rows always hold the same value; a reader that sees half a transaction sees them differ.
func TestReadersSeeWholeTransactions(t *testing.T) {
	e := sessions(t, Options{})
	set := func(i int) func(Writer) error {
		return func(w Writer) error {
			for _, token := range []string{"left", "right"} {
				if err := w.Exec("DELETE FROM sessions WHERE token = $1", []any{token}); err != nil {
					return err
				}
				if err := insert(token, fmt.Append(nil, i), epoch.Add(time.Duration(i)*time.Second))(w); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := e.Write(background, WriteRequest{Run: set(0)}); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for !stop.Load() {
				checkEqual(t, e)
			}
		})
	}
	for i := range 100 {
		if err := e.Write(background, WriteRequest{Run: set(i)}); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	within(t, "readers", wg.Wait)
}

func checkEqual(t *testing.T, e *Engine) {
	var seen []string
	err := e.Read(background, func(r Reader) error {
		for _, token := range []string{"left", "right"} { // two statements, one snapshot
			err := r.Query("SELECT data FROM sessions WHERE token = $1", []any{token}, func(v []any) error {
				seen = append(seen, string(v[0].([]byte)))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("saw %q, error %v", seen, err)
	}
}

func TestSnapshotStaysAsItWas(t *testing.T) {
	e := sessions(t, Options{Readers: 2})
	var held []*Snapshot
	for i := range 12 { // many more than Readers
		s, err := e.Snapshot(background)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
		if err := e.Write(background, WriteRequest{Run: insert(fmt.Sprint("t", i), nil, epoch)}); err != nil {
			t.Fatal(err)
		}
	}
	for want, s := range held {
		got := 0
		err := s.Run(func(r Reader) error {
			return r.Query("SELECT token FROM sessions", nil, func([]any) error { got++; return nil })
		})
		if err != nil || got != want {
			t.Errorf("snapshot %d sees %d rows, error %v", want, got, err)
		}
		s.Close()
		s.Close()
		wantCode(t, s.Run(func(Reader) error { return nil }), pgerr.NoActiveSQLTransaction)
	}
}

// hold takes many more snapshots than there are free transactions ahead.
func hold(t *testing.T, e *Engine) {
	t.Helper()
	for range 3 * e.o.Readers {
		s, err := e.Snapshot(background)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		if err := s.Run(query("SELECT token FROM sessions")); err != nil {
			t.Fatal(err)
		}
	}
}

// Neither a writer that is at work for long nor those who hold snapshots keep others from reading.
func TestReadsDoNotWaitForTheWriter(t *testing.T) {
	e := sessions(t, Options{})
	hold(t, e)
	building, goOn := make(chan struct{}), make(chan struct{})
	built := make(chan error, 1)
	go func() {
		built <- e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error {
			err := w.Define("CREATE INDEX sessions_data ON sessions (data)")
			close(building)
			<-goOn
			return err
		}})
	}()
	<-building
	within(t, "reads beside a CREATE INDEX", func() {
		hold(t, e)
		for range 20 {
			if n := count(t, e); n != 0 || e.Catalogue().Index("sessions_data") != nil {
				t.Errorf("%d rows, catalogue %v", n, e.Catalogue())
			}
		}
	})
	close(goOn)
	if err := <-built; err != nil {
		t.Fatal(err)
	}
	if e.Catalogue().Index("sessions_data") == nil {
		t.Error("the index is not there")
	}
}

// Before a commit begins there are free transactions, whoever holds those of before.
func TestHeldSnapshotsLeaveReadsForTheNextSync(t *testing.T) {
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir})
	hold(t, e)
	entered, release := holdSync(t, dir)
	defer release()
	written := make(chan error, 1)
	go func() { written <- e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}) }()
	<-entered
	within(t, "a read during the sync", func() {
		if n := count(t, e); n != 0 {
			t.Errorf("%d rows before the commit", n)
		}
	})
	release()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

// More reads than free transactions during a sync: those that are left over are
// served when one ends, or by the commit, and one that is canceled leaves.
func TestReadsBeyondTheFreeOnesDuringASync(t *testing.T) {
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir, Readers: 1})
	entered, release := holdSync(t, dir)
	defer release()
	written := make(chan error, 1)
	go func() { written <- e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}) }()
	<-entered
	first, err := e.Snapshot(background)
	if err != nil {
		t.Fatal(err)
	}
	queued := func(n int) {
		t.Helper()
		eventually(t, "the reads wait", func() bool {
			e.readers.mu.Lock()
			defer e.readers.mu.Unlock()
			return len(e.readers.waiting) == n
		})
	}
	ctx, cancel := context.WithCancel(background)
	canceled, counts := make(chan error, 1), make(chan int64, 5)
	go func() { canceled <- e.Read(ctx, query("SELECT token FROM sessions")) }()
	queued(1)
	cancel()
	wantCode(t, <-canceled, pgerr.QueryCanceled)
	reading, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		_ = e.Read(background, func(Reader) error { close(reading); <-goOn; return nil })
	}()
	queued(1)
	first.Close()
	within(t, "the read after another one's end", func() { <-reading })
	for i := range cap(counts) {
		go func() { counts <- count(t, e) }()
		queued(i + 1)
	}
	release()
	within(t, "the reads after the commit", func() {
		for range cap(counts) {
			if n := <-counts; n != 1 {
				t.Errorf("a read that waited for the commit sees %d rows", n)
			}
		}
	})
	close(goOn)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody reads", func() bool {
		e.readers.mu.Lock()
		defer e.readers.mu.Unlock()
		return e.readers.inUse == [readUses]int{}
	})
}

func TestReadsAreBounded(t *testing.T) {
	e := sessions(t, Options{MaxReads: 2, MaxReadTransactions: 2})
	one, err := e.Snapshot(background)
	if err != nil {
		t.Fatal(err)
	}
	two, err := e.Snapshot(background)
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	_, err = e.Snapshot(background)
	wantCode(t, err, pgerr.ConfigurationLimitExceeded)
	err = e.Read(background, func(Reader) error {
		return e.Read(background, func(Reader) error {
			wantCode(t, e.Read(background, func(Reader) error { return nil }), pgerr.ConfigurationLimitExceeded)
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
	one.Close()
	if one, err = e.Snapshot(background); err != nil {
		t.Fatal(err)
	}
	one.Close()
	count(t, e)
}

func TestSnapshotLimits(t *testing.T) {
	for name, test := range map[string]struct {
		o    Options
		code string
	}{
		"idle":  {Options{IdleReadTransaction: 20 * time.Millisecond}, pgerr.IdleInTransactionSessionTimeout},
		"total": {Options{ReadTransactionTime: 20 * time.Millisecond}, pgerr.TransactionTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, test.o)
			s, err := e.Snapshot(background)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the snapshot is ended", func() bool { return len(e.snapshots.list()) == 0 })
			wantCode(t, s.Run(func(Reader) error { return nil }), test.code)
		})
	}
}

func TestFailedReadsLeaveConnectionsUsable(t *testing.T) {
	e := sessions(t, Options{Readers: 1})
	bad := map[string]struct {
		run  func(Reader) error
		code string
	}{
		"unknown table":  {query("SELECT * FROM nosuch"), pgerr.UndefinedTable},
		"unknown column": {query("SELECT nosuch FROM sessions"), pgerr.UndefinedColumn},
		"syntax":         {query("SELEC"), pgerr.FeatureNotSupported},
		"panic in Chai":  {query("SELECT * FROM sessions WHERE 1=1 AND 1=1"), pgerr.InternalError},
		"write":          {query("INSERT INTO sessions (token, data, expiry) VALUES ('a', '', '2030-01-01T00:00:00Z')"), pgerr.InternalError},
		"own panic":      {func(Reader) error { panic("a bug") }, pgerr.InternalError},
		"nested": {func(r Reader) error {
			return r.Query("SELECT name FROM __chai_catalog", nil, func([]any) error { return query("SELECT token FROM sessions")(r) })
		}, pgerr.InternalError},
	}
	within(t, "reads after failed ones", func() {
		for name, b := range bad {
			for range 5 {
				err := e.Read(background, b.run)
				var got *pgerr.Error
				if !errors.As(err, &got) || got.Code != b.code {
					t.Errorf("%s: got %v, want %s", name, err, b.code)
				}
				if n := count(t, e); n != 0 {
					t.Errorf("%s: %d rows", name, n)
				}
			}
		}
	})
}

func query(sql string) func(Reader) error {
	return func(r Reader) error { return r.Query(sql, nil, func([]any) error { return nil }) }
}

func TestReadEndsWithItsContext(t *testing.T) {
	e := sessions(t, Options{})
	err := inBatches(e, 1000, func(w Writer, i int) error {
		return insert(fmt.Sprint("t", i), nil, epoch.Add(time.Duration(i)*time.Second))(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(background)
	rows := 0
	err = e.Read(ctx, func(r Reader) error {
		return r.Query("SELECT token FROM sessions", nil, func([]any) error {
			if rows++; rows == 10 {
				cancel()
			}
			return nil
		})
	})
	wantCode(t, err, pgerr.QueryCanceled)
	if rows > 10+cancelEvery {
		t.Errorf("%d rows were read after the context ended", rows-10)
	}
}

func TestStopEndsAQueryWithoutError(t *testing.T) {
	e := sessions(t, Options{})
	if err := e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}); err != nil {
		t.Fatal(err)
	}
	own := errors.New("own")
	for _, test := range []struct{ give, want error }{{Stop, nil}, {own, own}} {
		err := e.Read(background, func(r Reader) error {
			return r.Query("SELECT token FROM sessions", nil, func([]any) error { return test.give })
		})
		if err != test.want {
			t.Errorf("row function returned %v, Query %v", test.give, err)
		}
	}
}
