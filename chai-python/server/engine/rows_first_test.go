package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"chaisqld/pgerr"
)

// sweep deletes what is below, through DeleteFirst alone.
func sweep(e *Engine, table string, column int, below any, limit int) (deleted int, done bool, err error) {
	err = e.Write(background, WriteRequest{Run: func(w Writer) (err error) {
		deleted, done, err = w.DeleteFirst(w.Catalogue().Table(table), column, below, limit)
		return err
	}})
	return deleted, done, err
}

func mustSweep(t *testing.T, e *Engine, below any, limit, want int) {
	t.Helper()
	if n, done, err := sweep(e, "sessions", 2, below, limit); n != want || !done || err != nil {
		t.Fatalf("%d deleted, done %v, %v; want %d", n, done, err, want)
	}
}

func insertSession(token string, expiry time.Time) func(Writer) error {
	return func(w Writer) error {
		return w.Insert(w.Catalogue().Table("sessions"), []any{token, []byte("x"), expiry})
	}
}

func mustWrite(t *testing.T, e *Engine, run func(Writer) error) {
	t.Helper()
	if err := e.Write(background, WriteRequest{Run: run}); err != nil {
		t.Fatal(err)
	}
}

// What a bound lets go, and what is left, must be what Chai's own DELETE makes of it, byte by byte, in every type
// of column, beside every other change and after every rollback.
func TestTheFirstRowsAreThoseThatChaiWouldDelete(t *testing.T) {
	direct, chai := open(t, Options{Dir: Memory}), open(t, Options{Dir: Memory, viaSQL: true})
	for _, e := range []*Engine{direct, chai} {
		if err := define(e, rowTables()...); err != nil {
			t.Fatal(err)
		}
	}
	r := values{rand.New(rand.NewPCG(3, 4))}
	keys := rowKeys(r, direct.Catalogue())
	swept := 0
	for n := range 1200 {
		o := r.operation(direct.Catalogue(), keys)
		column := r.IntN(len(o.row))
		below, undo := o.row[column], r.IntN(8) == 0
		for _, e := range []*Engine{direct, chai} {
			err := e.Write(background, WriteRequest{Run: func(w Writer) error {
				table := w.Catalogue().Table(o.table)
				if n%3 > 0 {
					_, err := o.run(w)
					return errors.Join(err, undone(undo))
				}
				deleted, done, err := w.DeleteFirst(table, column, below, 1000)
				if err == nil && !done {
					err = w.Exec("DELETE FROM "+table.Name+" WHERE "+table.Columns[column].Name+" < $1", []any{below})
				}
				swept += deleted
				return errors.Join(err, undone(undo))
			}})
			if undo && err == nil {
				t.Fatal("a rollback succeeded")
			}
		}
		if n%50 == 49 {
			comparePebble(t, direct, chai)
		}
	}
	mustBeWhole(t, direct)
	if swept < 100 {
		t.Errorf("%d rows were deleted: too little was tried", swept)
	}
}

func undone(undo bool) error {
	if undo {
		return errors.New("rolled back")
	}
	return nil
}

// A sweep begins where the last one ended. Whatever comes before that place later must be found all the same.
func TestASweepFindsWhatCameBehindIt(t *testing.T) {
	e := sessions(t, Options{})
	at := func(minute int) time.Time { return epoch.Add(time.Duration(minute) * time.Minute) }
	token := 0
	insert := func(minute int) {
		token++
		mustWrite(t, e, insertSession(fmt.Sprint("t", token), at(minute)))
	}
	for minute := range 10 {
		insert(minute)
	}
	mustSweep(t, e, at(8), 3, 3)
	mustSweep(t, e, at(8), 100, 5)
	insert(1) // behind
	insert(7)
	mustSweep(t, e, at(8), 100, 2)
	mustWrite(t, e, func(w Writer) error { // moved behind
		return w.Update(w.Catalogue().Table("sessions"), "t9", []int{2}, []any{at(0)})
	})
	mustSweep(t, e, at(8), 100, 1)
	insert(2)
	err := e.Write(background, WriteRequest{Run: func(w Writer) error { // a rolled back sweep has deleted nothing
		_, _, err := w.DeleteFirst(w.Catalogue().Table("sessions"), 2, at(8), 100)
		return errors.Join(err, errors.New("rolled back"))
	}})
	if err == nil {
		t.Fatal("a rollback succeeded")
	}
	mustSweep(t, e, at(8), 100, 1)
	mustWrite(t, e, func(w Writer) error { // by a statement of Chai's
		return w.Exec("INSERT INTO sessions (token, data, expiry) VALUES ('s', '', $1)", []any{at(3)})
	})
	mustSweep(t, e, at(8), 100, 1)
	mustSweep(t, e, at(0), 100, 0) // a clock that was set back
	if n := count(t, e); n != 1 {
		t.Errorf("%d are left, want the one that is live", n)
	}
	mustBeWhole(t, e)
}

// Fifty thousand equal expiries, which Chai deletes in quadratic time: each batch costs what its rows cost.
func TestLargeNumbersOfEqualExpiriesGoInBoundedBatches(t *testing.T) {
	onlyAtLength(t)
	const rows, page = 50_000, 500
	e := sessions(t, Options{})
	for start := 0; start < rows; start += 1000 {
		mustWrite(t, e, func(w Writer) (err error) {
			for i := range 1000 {
				err = errors.Join(err, insertSession(fmt.Sprintf("t%06d", (start+i)*7919%rows), epoch)(w))
			}
			return err
		})
	}
	statements := countStatements(t, e)
	live := epoch.Add(time.Hour)
	mustWrite(t, e, insertSession("live", live))
	for n := range rows / page {
		mustSweep(t, e, epoch.Add(time.Microsecond), page, page)
		// Everybody else's turn comes after each batch, whatever is left.
		mustWrite(t, e, func(w Writer) error {
			live = live.Add(time.Minute)
			return w.Update(w.Catalogue().Table("sessions"), "live", []int{2}, []any{live})
		})
		if left := rows - (n+1)*page; n%20 == 0 {
			if got := firstOf(t, e, epoch.Add(time.Microsecond), 100); got != min(left, 100) {
				t.Fatalf("a page of what is left has %d rows, want %d", got, min(left, 100))
			}
		}
	}
	mustSweep(t, e, epoch.Add(time.Microsecond), page, 0)
	if n := count(t, e); n != 1 || *statements != 0 {
		t.Errorf("%d rows are left, and Chai parsed %d statements", n, *statements)
	}
	mustBeWhole(t, e)
}

// firstOf counts what a reader gets of the first rows along the expiry.
func firstOf(t *testing.T, e *Engine, below time.Time, limit int) (n int) {
	t.Helper()
	err := e.Read(background, func(r Reader) error {
		return r.Query(`SELECT token, expiry FROM sessions WHERE expiry < $1 ORDER BY expiry`, []any{below}, func(values []any) error {
			if n++; n == limit {
				return Stop
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A stray entry, left by an older server, must not take a live session with it.
func TestASweepAsksTheRowWhereItKnowsIt(t *testing.T) {
	e := sessions(t, Options{})
	mustWrite(t, e, insertSession("t", epoch))
	mustWrite(t, e, func(w Writer) error {
		return w.Exec("INSERT INTO sessions (token, data, expiry) VALUES ($1, '', $2) ON CONFLICT DO REPLACE", []any{"t", epoch.Add(time.Hour)})
	})
	if n, done, err := sweep(e, "sessions", 2, epoch.Add(time.Minute), 100); n != 0 || done || err != nil {
		t.Errorf("%d deleted, done %v, %v; want the caller to look at the rows", n, done, err)
	}
	if n := count(t, e); n != 1 {
		t.Errorf("%d rows are left, want 1", n)
	}
}

// What a sweep writes counts like everything else.
func TestASweepIsCharged(t *testing.T) {
	e := sessions(t, Options{MaxTransactionBytes: 1024})
	for i := range 60 {
		mustWrite(t, e, insertSession(fmt.Sprint("t", i), epoch))
	}
	_, _, err := sweep(e, "sessions", 2, epoch.Add(time.Minute), 100)
	wantCode(t, err, pgerr.ProgramLimitExceeded)
	if n := count(t, e); n != 60 {
		t.Errorf("%d rows are left, want all", n)
	}
	mustSweep(t, e, epoch.Add(time.Minute), 10, 10)
}
