package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"
)

// cacheToken has a handful of keys, so that everybody meets.
func cacheToken(r *rand.Rand) string { return fmt.Sprint("token", r.IntN(12)) }

var errUndo = errors.New("undo this transaction")

// changeRows is one transaction: every row that it writes carries its number.
func changeRows(r *rand.Rand, number int) func(Writer) error {
	seed := r.Uint64()
	return func(w Writer) error {
		r := rand.New(rand.NewPCG(seed, 0)) // the same again in a replay
		t := w.Catalogue().Table("sessions")
		data := []byte(fmt.Sprint(number))
		for range 1 + r.IntN(4) {
			token, expiry := cacheToken(r), epoch.Add(time.Duration(number)*time.Microsecond)
			row, err := w.Get(t, token)
			switch n := r.IntN(20); {
			case err != nil:
			case row == nil:
				err = w.Insert(t, []any{token, data, expiry})
			case n == 0:
				err = w.Exec("UPDATE sessions SET data = $1, expiry = $2 WHERE token = $3", []any{data, expiry, token})
			case n < 4:
				err = w.Delete(t, token)
			default:
				err = w.Update(t, token, []int{1, 2}, []any{data, expiry})
			}
			if err == nil {
				err = sameBothWays(w, t, token)
			}
			if err != nil {
				return err
			}
		}
		if r.IntN(6) == 0 {
			return errUndo
		}
		return nil
	}
}

// sameBothWays reads a row by Get, perhaps from the cache, and by a statement, which is never cached.
func sameBothWays(r Reader, t *Table, token string) error {
	cached, err := r.Get(t, token)
	if err != nil {
		return err
	}
	stated, err := selectRow(r, t, token)
	if err == nil && !reflect.DeepEqual(cached, stated) {
		err = fmt.Errorf("%s is %v by Get and %v by a statement", token, cached, stated)
	}
	return err
}

// Whoever reads, in whatever transaction, the cache must give what that transaction sees.
func TestCacheIsExact(t *testing.T) {
	for what, bytes := range map[string]int{"large": 0, "small": 16 * 600, "none": -1} {
		t.Run(what, func(t *testing.T) {
			e := sessions(t, Options{Dir: Memory, CacheBytes: bytes, GroupRequests: 8, Readers: 1}) // most reads begin their own transaction
			stop, errs := make(chan struct{}), make(chan error, 64)
			var readers, writers sync.WaitGroup
			for n := range 4 {
				readers.Go(func() { errs <- readUntil(stop, e, rand.New(rand.NewPCG(uint64(n), 1))) })
				writers.Go(func() { errs <- writeMany(e, rand.New(rand.NewPCG(uint64(n), 2)), 1000*n) })
			}
			writers.Wait()
			close(stop)
			readers.Wait()
			for range 8 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			mustCacheOneMore(t, e, bytes >= 0)
			mustBeWhole(t, e)
		})
	}
}

// mustCacheOneMore reads a row that nobody changes any more: whatever was cached before, it is now.
func mustCacheOneMore(t *testing.T, e *Engine, want bool) {
	t.Helper()
	table := e.Catalogue().Table("sessions")
	err := e.Write(background, WriteRequest{Run: func(w Writer) error {
		return w.Insert(table, []any{"one more", []byte("data"), epoch})
	}})
	err = errors.Join(err, e.Read(background, func(r Reader) error {
		_, err := r.Get(table, "one more")
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	if held := len(e.readers.cache.young); (held > 0) != want {
		t.Errorf("the cache holds %d rows", held)
	}
}

// writeMany writes, at times in a lease, and reads back what it wrote.
func writeMany(e *Engine, r *rand.Rand, first int) error {
	for number := first; number < first+100; number++ {
		run := changeRows(r, number)
		err := error(nil)
		if number%10 > 0 {
			err = e.Write(background, WriteRequest{Run: run})
		} else if lease, leaseErr := e.Lease(background, nil); leaseErr != nil {
			err = leaseErr
		} else if err = lease.Run(run); err == nil {
			err = lease.Commit()
		}
		if err != nil && !errors.Is(err, errUndo) {
			return err
		}
	}
	return nil
}

// readUntil compares several rows of one read, and of a snapshot that is held while others write.
func readUntil(stop chan struct{}, e *Engine, r *rand.Rand) error {
	look := func(x Reader) error {
		for range 4 {
			if err := sameBothWays(x, x.Catalogue().Table("sessions"), cacheToken(r)); err != nil {
				return err
			}
		}
		return nil
	}
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		held, err := e.Snapshot(background)
		if err != nil {
			return err
		}
		err = errors.Join(held.Run(look), e.Read(background, look), held.Run(look))
		held.Close()
		if err != nil {
			return err
		}
	}
}

// What is acknowledged is what the next read finds, from the cache or not.
func TestCacheShowsOnesOwnWrites(t *testing.T) {
	e := sessions(t, Options{Dir: Memory})
	table := e.Catalogue().Table("sessions")
	for n := range 200 {
		data := []byte(fmt.Sprint(n))
		err := e.Write(background, WriteRequest{Run: func(w Writer) error {
			if n == 0 {
				return w.Insert(table, []any{"t", data, epoch})
			}
			return w.Update(table, "t", []int{1}, []any{data})
		}})
		var row []any
		err = errors.Join(err, e.Read(background, func(r Reader) (err error) { row, err = r.Get(table, "t"); return err }))
		if err != nil || string(row[1].([]byte)) != string(data) {
			t.Fatalf("%v, %v; want %s", row, err, data)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newRowCache(100_000)
	g := &generation{}
	c.advance(g, &rowChanges{})
	for n := range 10_000 {
		c.add(g, fmt.Append(nil, "key", n), make([]byte, n%500))
		c.get(g, fmt.Append(nil, "key", n/2))
	}
	c.add(g, []byte("huge"), make([]byte, 50_000))
	total := 0
	for _, rows := range []map[string]cachedRow{c.young, c.old} {
		for key, row := range rows {
			total += len(key) + len(row.stored) + rowOverhead
		}
	}
	if _, huge := c.get(g, []byte("huge")); huge || total > 100_000 || total < 30_000 {
		t.Errorf("the cache holds %d bytes of 100000, the huge row: %v", total, huge)
	}
	if _, found := c.get(&generation{}, []byte("key9999")); found {
		t.Error("a row was given to a reader of another state")
	}
}
