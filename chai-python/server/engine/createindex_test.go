package engine

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"chaisqld/pgerr"

	"github.com/cockroachdb/pebble/v2"
)

const largeRows = 4_500

// largeTable has index entries of about 3 kB each.
func largeTable(e *Engine, rows int) error {
	if err := define(e, "CREATE TABLE long (id TEXT PRIMARY KEY, a TEXT, b TEXT)"); err != nil {
		return err
	}
	return inBatches(e, rows, func(w Writer, i int) error {
		id := strings.Repeat("i", 1500) + fmt.Sprintf("%08d", i)
		return w.Exec("INSERT INTO long (id, a, b) VALUES ($1, $2, $3)", []any{id, id, strconv.Itoa(i % (rows - 1))})
	})
}

// childIndex is killed at its n-th write of the log while it builds a large index.
func childIndex(dir string) {
	n, err := strconv.ParseInt(os.Getenv("CHAISQLD_TEST_STEP"), 10, 64)
	if err != nil {
		childFail("step: %v", err)
	}
	e, err := Open(background, Options{Dir: dir, MustExist: true, HangLimit: patient})
	if err != nil {
		childFail("open: %v", err)
	}
	step := killAt(n)
	hookFiles(dir, func(operation, name string) error {
		if operation == "write" && strings.HasSuffix(name, ".log") {
			step()
		}
		return nil
	})
	if err := define(e, "CREATE INDEX long_a ON long (a)"); err != nil {
		childFail("index: %v", err)
	}
	if err := e.Close(); err != nil {
		childFail("close: %v", err)
	}
}

// largeDatabase is closed, and large enough for two parts of a transaction.
func largeDatabase(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	e, err := Open(background, Options{Dir: dir, HangLimit: patient})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(largeTable(e, largeRows), e.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The one transaction that is let grow beyond 10 MB: killed anywhere, nothing
// of the index is there; let finish, all of it is.
func TestLargeIndexIsBuiltWholeOrNotAtAll(t *testing.T) {
	onlyAtLength(t)
	origin := largeDatabase(t)
	whole := 0
	for _, step := range []int{1, 400, 650, 1_000_000} {
		dir := copyMarked(t, origin)
		out, err := child(t, "index", dir, "CHAISQLD_TEST_STEP="+strconv.Itoa(step)).CombinedOutput()
		if err != nil && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, out)
		}
		onPebble(t, dir, func(db *pebble.DB, c *storedCatalogue) error {
			table := c.namespace("long")
			n, err := keysBetween(db, table+1, table+100)
			if built := c.Index("long_a") != nil; built && n != largeRows || !built && n != 0 {
				t.Errorf("killed at write %d: built %v, %d entries, %v", step, built, n, err)
			} else if built {
				whole++
			}
			return nil
		})
		if report, err := CheckDirectory(background, Options{Dir: dir}, nil); err != nil || !report.OK() {
			t.Errorf("killed at write %d: %v %v", step, err, report.Problems())
		}
	}
	if whole == 0 || whole == 4 {
		t.Errorf("%d of 4 were built", whole)
	}
}

func copyMarked(t *testing.T, dir string) string {
	t.Helper()
	marker, err := os.ReadFile(filepath.Join(dir, markerName))
	if err != nil {
		t.Fatal(err)
	}
	to := goCopy(t, dir)
	write(t, to, markerName, string(marker))
	return to
}

func keysBetween(db *pebble.DB, from, to uint64) (n int, err error) {
	for namespace := from; namespace < to && err == nil; namespace++ {
		err = eachPair(db, namespace, func([]byte, []byte) error { n++; return nil })
	}
	return n, err
}

func TestLargeIndexThatFailsLeavesNothing(t *testing.T) {
	e := open(t, Options{})
	if err := largeTable(e, largeRows); err != nil {
		t.Fatal(err)
	}
	if err := define(e, "CREATE INDEX long_id ON long (id)"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, define(e, "CREATE UNIQUE INDEX long_b ON long (b)"), pgerr.UniqueViolation)
	failure := errors.New("changed my mind")
	err := e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error {
		return errors.Join(w.Define("CREATE INDEX long_a ON long (a)"), failure)
	}})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	report, err := e.Check(background, nil)
	if err != nil || !report.OK() || len(report.Tables[0].Indexes) != 1 {
		t.Fatalf("%v %v", err, report.Problems())
	}
	if err := define(e, "CREATE INDEX long_a ON long (a)"); err != nil {
		t.Errorf("again: %v", err)
	}
}

// In one transaction with it, what was deleted elsewhere would lose its index
// entries by a rollback.
func TestLargeIndexIsBuiltAlone(t *testing.T) {
	e := open(t, Options{})
	err := define(e, "CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT, b TEXT)", "CREATE INDEX t_a ON t (a)")
	if err != nil {
		t.Fatal(err)
	}
	fill := func(from, to int) {
		err := inBatches(e, to-from, func(w Writer, i int) error {
			return w.Exec("INSERT INTO t (id, a, b) VALUES ($1, $1, $1)", []any{strconv.Itoa(from + i)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	with := func(statements ...string) error {
		return e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error {
			for _, sql := range statements {
				if strings.HasPrefix(sql, "CREATE") {
					if err := w.Define(sql); err != nil {
						return err
					}
				} else if err := w.Exec(sql, nil); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	const index, change = `CREATE INDEX IF NOT EXISTS "t_b" ON "t" (b)`, "DELETE FROM t WHERE id = '7'"
	fill(0, sharedIndexRows)
	if err := with(change, index, "DELETE FROM t WHERE id = '8'", "INSERT INTO t (id) VALUES ('7')", "INSERT INTO t (id) VALUES ('8')"); err != nil {
		t.Errorf("on a small table: %v", err)
	}
	if err := define(e, "DROP INDEX t_b"); err != nil {
		t.Fatal(err)
	}
	fill(sharedIndexRows, sharedIndexRows+10)
	wantCode(t, with(change, index), pgerr.ProgramLimitExceeded)
	wantCode(t, with(index, change), pgerr.ProgramLimitExceeded)
	wantCode(t, with(index, "CREATE TABLE u (id TEXT PRIMARY KEY)"), pgerr.ProgramLimitExceeded)
	if err := with(index); err != nil {
		t.Error(err)
	}
	if err := with(change, index); err != nil {
		t.Errorf("an index that is there already: %v", err)
	}
	if report, err := e.Check(background, nil); err != nil || !report.OK() {
		t.Errorf("%v %v", err, report.Problems())
	}
}

// Several small ones in a transaction weigh as much as a large one.
func TestIndexesTogetherAreBounded(t *testing.T) {
	e := open(t, Options{})
	if err := define(e, "CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT, b TEXT)"); err != nil {
		t.Fatal(err)
	}
	err := inBatches(e, sharedIndexRows/2+1, func(w Writer, i int) error {
		return w.Insert(w.Catalogue().Table("t"), []any{strconv.Itoa(i), "a", "b"})
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, define(e, "CREATE INDEX t_a ON t (a)", "CREATE INDEX t_b ON t (b)"), pgerr.ProgramLimitExceeded)
	for _, ddl := range []string{"CREATE INDEX t_a ON t (a)", "CREATE INDEX t_b ON t (b)"} {
		if err := define(e, ddl); err != nil {
			t.Error(err)
		}
	}
}

// What a check refuses is not indexed, even if its refusal goes unnoticed.
func TestIndexOfValuesThatFailTheCheck(t *testing.T) {
	e := open(t, Options{})
	if err := define(e, "CREATE TABLE t (id TEXT PRIMARY KEY, n BIGINT)"); err != nil {
		t.Fatal(err)
	}
	err := e.Write(background, WriteRequest{Run: func(w Writer) error {
		return errors.Join(w.Exec("INSERT INTO t VALUES ('a', 5)", nil), w.Exec("INSERT INTO t VALUES ('b', NULL)", nil),
			w.Exec("INSERT INTO t VALUES ('c', 3000000000)", nil))
	}})
	if err != nil {
		t.Fatal(err)
	}
	var seen []any
	own := pgerr.New(pgerr.InternalError, "not five")
	ignoring := func(define func(w Writer) error) error {
		return e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error { _ = define(w); return nil }})
	}
	err = ignoring(func(w Writer) error {
		return w.DefineIndex("CREATE INDEX IF NOT EXISTS t_n ON t (n)", func(v any) error {
			if seen = append(seen, v); v != int64(5) {
				return own
			}
			return nil
		})
	})
	wantCode(t, err, pgerr.InternalError)
	if !errors.Is(err, own) || fmt.Sprint(seen) != "[5 <nil>]" {
		t.Errorf("got %v after %v", err, seen)
	}
	wantCode(t, ignoring(func(w Writer) error { return w.Define("CREATE INDEX t_n ON t (n)") }), pgerr.NumericValueOutOfRange)
	if e.Catalogue().Index("t_n") != nil {
		t.Error("the index is there")
	}
	err = e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error {
		return w.DefineIndex("CREATE INDEX t_n ON t (id)", func(any) error { return nil })
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestUniqueIndexOnDuplicates(t *testing.T) {
	e := open(t, Options{})
	fill := []string{"INSERT INTO t VALUES ('1', NULL, 'x')", "INSERT INTO t VALUES ('2', NULL, 'y')", "INSERT INTO t VALUES ('3', 'a', 'x')"}
	err := e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error {
		err := w.Define("CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT, b BYTEA)")
		for _, sql := range fill {
			err = errors.Join(err, w.Exec(strings.NewReplacer("'x')", `'\x01')`, "'y')", `'\x02')`).Replace(sql), nil))
		}
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, define(e, "CREATE UNIQUE INDEX t_b ON t (b)"), pgerr.UniqueViolation)
	if err := define(e, "CREATE UNIQUE INDEX t_a ON t (a)"); err != nil {
		t.Errorf("nulls are no duplicates: %v", err)
	}
}

// What Indexable refuses is what Chai panics on, and what lies beside it is not.
func TestIndexableNumbers(t *testing.T) {
	for _, n := range []int64{0, math.MinInt64, math.MinInt32 - 1, math.MinInt32, math.MaxInt32, firstUnindexable, lastUnindexable, lastUnindexable + 1, math.MaxInt64} {
		e := open(t, Options{})
		if err := define(e, "CREATE TABLE t (id TEXT PRIMARY KEY, n BIGINT)", "CREATE INDEX t_n ON t (n)"); err != nil {
			t.Fatal(err)
		}
		err := e.Write(background, WriteRequest{Run: func(w Writer) error { return w.Exec("INSERT INTO t VALUES ('1', $1)", []any{n}) }})
		if err != nil {
			t.Fatal(err)
		}
		err = e.Write(background, WriteRequest{Run: func(w Writer) error { return w.Exec("DELETE FROM t WHERE id = '1'", nil) }})
		if refused := Indexable(n); (refused != nil) != (err != nil) {
			t.Errorf("%d: Indexable says %v, the deletion %v", n, refused, err)
		}
		if err := define(e, "DROP INDEX t_n"); err != nil {
			t.Fatal(err)
		}
		err = e.Write(background, WriteRequest{Run: func(w Writer) error { return w.Exec("UPDATE t SET n = $1 WHERE id = '1'", []any{n}) }})
		if err != nil {
			t.Fatal(err)
		}
		if err := define(e, "CREATE INDEX t_n ON t (n)"); (err != nil) != (Indexable(n) != nil && count1(t, e) == 1) {
			t.Errorf("an index over %d: %v", n, err)
		}
	}
}

func count1(t *testing.T, e *Engine) (n int64) {
	t.Helper()
	err := e.Read(background, func(r Reader) error {
		return r.Query("SELECT COUNT(*) FROM t", nil, func(v []any) error { n = v[0].(int64); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
