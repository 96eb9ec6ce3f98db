package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chaisqld/pgerr"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

var everyType = []string{
	"CREATE TABLE every (a TEXT, n INTEGER, b BOOLEAN, l BIGINT, d DOUBLE PRECISION, y BYTEA, t TIMESTAMP, PRIMARY KEY (a, n))",
	"CREATE INDEX every_b ON every (b)", "CREATE INDEX every_l ON every (l)", "CREATE INDEX every_d ON every (d)",
	"CREATE UNIQUE INDEX every_y ON every (y)", "CREATE INDEX every_t ON every (t)", "CREATE INDEX every_n ON every (n)",
	"CREATE INDEX every_lt ON every (l, t)",
	"CREATE TABLE doubles (d DOUBLE PRECISION PRIMARY KEY, s TEXT)", "CREATE INDEX doubles_s ON doubles (s)",
}

// everyRow is a random row, with nulls, and values at the edges of every width.
func everyRow(r *rand.Rand, key int) []any {
	orNull := func(v any) any {
		if r.IntN(6) == 0 {
			return nil
		}
		return v
	}
	edges := []int64{0, 31, 32, 255, 256, 65535, 65536, math.MaxInt32, math.MaxUint32 + 1, math.MaxInt64}
	number := edges[r.IntN(len(edges))]
	if r.IntN(2) == 0 {
		number = -number - int64(r.IntN(3)) + 1
	}
	doubles := []float64{0, 1, -1, 0.5, -0.25, 1e300, -1e300, 32, 1 << 40, float64(number)}
	return []any{
		strings.Repeat("k", r.IntN(200)) + strconv.Itoa(key), int64(r.IntN(1000)) - 500,
		orNull(r.IntN(2) == 0), orNull(number), orNull(doubles[r.IntN(len(doubles))]),
		orNull(bytes.Repeat([]byte{byte(key)}, key)), orNull(time.UnixMicro(r.Int64N(8e15) + 1e15)),
	}
}

// fillEvery writes, changes and deletes rows as Chai does.
func fillEvery(t *testing.T, e *Engine) {
	t.Helper()
	if err := define(e, everyType...); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		row := everyRow(r, i)
		err := e.Write(background, WriteRequest{Run: func(w Writer) error {
			if err := w.Exec("INSERT INTO every (a, n, b, l, d, y, t) VALUES ($1, $2, $3, $4, $5, $6, $7)", row); err != nil {
				return err
			}
			if i%3 == 0 {
				other := everyRow(r, i)
				if err := w.Exec("UPDATE every SET b = $1, l = $2, d = $3, t = $4 WHERE a = $5 AND n = $6", append(slices.Clone(other[2:5]), other[6], row[0], row[1])); err != nil {
					return err
				}
			}
			if i%7 == 0 {
				return w.Exec("DELETE FROM every WHERE a = $1 AND n = $2", row[:2])
			}
			return w.Exec("INSERT INTO doubles (d, s) VALUES ($1, $2)", []any{float64(i-150) / 2, fmt.Sprint(i)})
		}})
		if err != nil {
			t.Fatal(i, row, err)
		}
	}
}

// onPebble runs fn below Chai, on a database that nobody has open.
func onPebble(t *testing.T, dir string, fn func(db *pebble.DB, c *storedCatalogue) error) {
	t.Helper()
	o := Options{Dir: dir}
	o.setDefaults()
	err := throughChai(background, dir, &o, func(_ *conn, db *pebble.DB) error {
		c, err := readStoredCatalogue(db)
		if err != nil {
			return err
		}
		return fn(db, c)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keysOf copies all keys of a table or index.
func keysOf(db *pebble.DB, c *storedCatalogue, name string) (keys [][]byte, err error) {
	err = eachPair(db, c.namespace(name), func(key, _ []byte) error {
		keys = append(keys, slices.Clone(key))
		return nil
	})
	return keys, err
}

// What an audit takes for right is what Chai writes, for every type of column;
// and what a repair writes is the same, byte for byte.
func TestCheckAndRepairKnowWhatChaiWrites(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(background, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	fillEvery(t, e)
	report, err := e.Check(background, nil)
	if err != nil || !report.OK() {
		t.Fatalf("%v %v", err, report.Problems())
	}
	for _, table := range report.Tables {
		if table.Rows == 0 || table.Skipped != "" || len(table.Indexes) == 0 {
			t.Errorf("not looked at: %+v", table)
		}
		for _, index := range table.Indexes {
			if index.Skipped != "" || index.Entries != table.Rows {
				t.Errorf("%+v of %d rows", index, table.Rows)
			}
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	wipeAndRepair(t, dir, report)
}

// Names that Chai does not take are kept in another form: reports have them as clients gave them, and a repair
// finds the tables by what they are kept as.
func TestReportsShowTheNamesThatClientsGave(t *testing.T) {
	const table, index = "Größe of %s", "order" // one behind each of the prefixes
	dir := t.TempDir()
	e, err := Open(background, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	kept, keptIndex := quoteName(StoredRelation(table)), quoteName(StoredRelation(index))
	err = errors.Join(
		define(e, "CREATE TABLE "+kept+" (k TEXT PRIMARY KEY, n INTEGER)", "CREATE INDEX "+keptIndex+" ON "+kept+" (n)"),
		inBatches(e, 2, func(w Writer, i int) error {
			return w.Exec("INSERT INTO "+kept+" (k, n) VALUES ($1, 1)", []any{fmt.Sprint(i)})
		}),
	)
	if err != nil {
		t.Fatal(err)
	}
	err = define(e, "CREATE UNIQUE INDEX "+quoteName(StoredRelation("Two"))+" ON "+kept+" (n)")
	if wantCode(t, err, pgerr.UniqueViolation); strings.Contains(fmt.Sprint(err), encodedPrefix) {
		t.Errorf("an error shows how a name is kept: %s", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	onPebble(t, dir, func(db *pebble.DB, c *storedCatalogue) error {
		namespace := c.namespace(StoredRelation(index))
		return db.DeleteRange(intKey(namespace), intKey(namespace+1), pebble.Sync)
	})
	report, err := Repair(background, Options{Dir: dir}, nil)
	if err != nil || !report.Left.OK() {
		t.Fatalf("%+v, %v", report, err)
	}
	want := []string{"table " + table + ", index " + index + ": 2 rows are missing in the index"}
	got := slices.Clone(report.Found.Problems())
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " (the first")
	}
	if !slices.Equal(got, want) || report.Left.Tables[0].Name != table || report.Left.Tables[0].Indexes[0].Name != index {
		t.Errorf("got %q, want %q; left %+v", got, want, report.Left.Tables[0])
	}
}

func wipeAndRepair(t *testing.T, dir string, clean *CheckReport) {
	t.Helper()
	before := make(map[string][][]byte)
	onPebble(t, dir, func(db *pebble.DB, c *storedCatalogue) (err error) {
		for _, table := range clean.Tables {
			for _, index := range table.Indexes {
				if before[index.Name], err = keysOf(db, c, index.Name); err != nil {
					return err
				}
				namespace := c.namespace(index.Name)
				if err := db.DeleteRange(intKey(namespace), intKey(namespace+1), pebble.Sync); err != nil {
					return err
				}
			}
		}
		return nil
	})
	report, err := Repair(background, Options{Dir: dir}, nil)
	if err != nil || !report.Left.OK() {
		t.Fatalf("%+v, %v", report, err)
	}
	onPebble(t, dir, func(db *pebble.DB, c *storedCatalogue) error {
		for name, want := range before {
			got, err := keysOf(db, c, name)
			if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("index %s: repaired, it has %d entries that are not the %d before; %v", name, len(got), len(want), err)
			}
		}
		return nil
	})
}

// damaging makes a database of ten sessions and changes it below Chai.
func damaging(t *testing.T, change func(db *pebble.DB, rows, entries [][]byte) error) string {
	t.Helper()
	dir := database(t)
	e, err := Open(background, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	err = inBatches(e, 10, func(w Writer, i int) error {
		return insert(fmt.Sprint("token", i), []byte("data"), epoch.Add(time.Duration(i)*time.Second))(w)
	})
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	onPebble(t, dir, func(db *pebble.DB, c *storedCatalogue) error {
		rows, err := keysOf(db, c, "sessions")
		if err != nil {
			return err
		}
		entries, err := keysOf(db, c, "idx_sessions_expiry")
		if err != nil {
			return err
		}
		return change(db, rows, entries)
	})
	return dir
}

func TestCheckFindsDamage(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(db *pebble.DB, rows, entries [][]byte) error
		want   map[string]int64
		mends  bool
	}{
		{"none", func(*pebble.DB, [][]byte, [][]byte) error { return nil }, map[string]int64{}, true},
		{"entry lost", func(db *pebble.DB, _, entries [][]byte) error {
			return errors.Join(db.Delete(entries[3], nil), db.Delete(entries[9], nil))
		}, map[string]int64{ProblemMissing: 2}, true},
		{"row lost", func(db *pebble.DB, rows, _ [][]byte) error { return db.Delete(rows[0], nil) }, map[string]int64{ProblemStray: 1}, true},
		{"entry of another value", func(db *pebble.DB, _, entries [][]byte) error {
			other := slices.Clone(entries[4])
			other[len(intKey(0))+3]++ // within the timestamp
			return errors.Join(db.Delete(entries[4], nil), db.Set(other, entryValue, nil))
		}, map[string]int64{ProblemMissing: 1, ProblemStray: 1}, true},
		{"entry twice", func(db *pebble.DB, _, entries [][]byte) error {
			other := slices.Clone(entries[4])
			other[len(intKey(0))+3]++
			return db.Set(other, entryValue, nil)
		}, map[string]int64{ProblemStray: 1}, true},
		{"entry that is none", func(db *pebble.DB, _, entries [][]byte) error {
			return db.Set(entries[0][:len(intKey(0))+9], entryValue, nil)
		}, map[string]int64{ProblemStray: 1}, true},
		{"row cut short", func(db *pebble.DB, rows, _ [][]byte) error { return db.Set(rows[5], []byte{typeText, 40, 'x'}, nil) },
			map[string]int64{ProblemUnreadable: 1}, false},
		{"row under another key", func(db *pebble.DB, rows, _ [][]byte) error {
			value, closer, err := db.Get(rows[5])
			if err != nil {
				return err
			}
			defer closer.Close()
			other := slices.Clone(rows[5])
			other[len(other)-1] = 'x'
			return db.Set(other, value, nil)
		}, map[string]int64{ProblemMismatch: 1, ProblemMissing: 1}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := damaging(t, test.change)
			before := listing(t, dir)
			report, err := CheckDirectory(background, Options{Dir: dir}, nil)
			if err != nil {
				t.Fatal(err)
			}
			found := make(map[string]int64)
			report.each(func(_ string, p *Problem) { found[p.Kind] += p.Count })
			if fmt.Sprint(found) != fmt.Sprint(test.want) || report.OK() != (len(test.want) == 0) {
				t.Errorf("found %v, want %v", report.Problems(), test.want)
			}
			if text := strings.Join(report.Problems(), "\n"); strings.Contains(text, "token") {
				t.Errorf("the report shows a key: %s", text)
			}
			if listing(t, dir) != before {
				t.Error("the check changed the directory")
			}
			mended, err := Repair(background, Options{Dir: dir}, nil)
			if err != nil || mended.Left.OK() != test.mends {
				t.Errorf("repair: %v, left %v", err, mended.Left.Problems())
			}
		})
	}
}

// A block of a table file that cannot be read is damage of its table, not the
// end of the audit. Chai's own scan of an index ends there without an error.
func TestCheckFindsDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(background, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	createSessions(t, e)
	err = inBatches(e, 3000, func(w Writer, i int) error {
		return insert(fmt.Sprintf("%043d", i), []byte(fmt.Sprint(rand.Uint64(), rand.Uint64())), epoch.Add(time.Duration(i)*time.Second))(w)
	})
	if err := errors.Join(err, flush(e), e.Close()); err != nil {
		t.Fatal(err)
	}
	flipLargest(t, dir)
	report, err := CheckDirectory(background, Options{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if countOf(report, ProblemUnreadable) == 0 || !strings.Contains(strings.Join(report.Problems(), "\n"), "checksum mismatch") {
		t.Errorf("found %v", report.Problems())
	}
}

// flipLargest turns a bit in the middle of the largest table file.
func flipLargest(t *testing.T, dir string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, pebbleName, "*.sst"))
	var largest string
	var content []byte
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > len(content) {
			largest, content = name, text
		}
	}
	content[len(content)/3] ^= 1
	if err := os.WriteFile(largest, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file whose keys are in another order than the comparer's is what an
// untouched Chai may leave; here the whole database has the order turned round.
func TestCheckFindsKeysOutOfOrder(t *testing.T) {
	turned := *chaiComparer
	turned.Compare = func(a, b []byte) int {
		an, bn := turned.Split(a), turned.Split(b)
		if order := bytes.Compare(a[:an], b[:bn]); order != 0 {
			return order
		}
		return turned.ComparePointSuffixes(a[an:], b[bn:])
	}
	turned.ComparePointSuffixes = func(a, b []byte) int {
		if len(a) == 0 || len(b) == 0 {
			return len(a) - len(b) // the bound of a namespace is before all that is in it
		}
		return compareValues(b, a)
	}
	turned.CompareRangeSuffixes = func(a, b []byte) int { return turned.ComparePointSuffixes(a, b) }
	other, err := pebble.Open("", &pebble.Options{FS: vfs.NewMem(), Comparer: &turned, FormatMajorVersion: pebble.FormatValueSeparation, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	damaging(t, func(db *pebble.DB, _, _ [][]byte) error {
		for _, namespace := range []uint64{catalogNamespace, 11, 12, 13} {
			err := eachPair(db, namespace, func(key, value []byte) error { return other.Set(key, value, nil) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	report, err := checkDatabase(background, other, nil)
	if err != nil || countOf(report, ProblemUnsorted) != 18 || report.repairable() {
		t.Fatalf("%v, found %v", err, report.Problems())
	}
}

func TestCheckWhileOthersWrite(t *testing.T) {
	e := sessions(t, Options{})
	ctx, cancel := context.WithCancel(background)
	var writers sync.WaitGroup
	for client := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := e.Write(background, WriteRequest{Bytes: 300, Run: upsert(fmt.Sprintf("%d-%d", client, i), i)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		report, err := e.Check(background, nil)
		if err != nil || !report.OK() {
			t.Errorf("%v %v", err, report.Problems())
		}
	}
	cancel()
	writers.Wait()
}

func TestCheckEndsWithItsContextAndItsEngine(t *testing.T) {
	e, err := Open(background, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	createSessions(t, e)
	err = inBatches(e, 5*checkEvery, func(w Writer, i int) error {
		return insert(fmt.Sprintf("%09d", i), nil, epoch.Add(time.Duration(i)*time.Second))(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(background)
	if _, err := e.Check(ctx, func(string, int64, int64) { cancel() }); err == nil {
		t.Error("the check went on without its context")
	}
	closed, once := make(chan error, 1), sync.Once{}
	_, err = e.Check(background, func(string, int64, int64) {
		once.Do(func() { go func() { closed <- e.Close() }(); <-e.life.Done() })
		time.Sleep(time.Millisecond) // lets the goroutine run that passes the end on
	})
	if err == nil {
		t.Error("the check went on without its engine")
	}
	within(t, "close", func() {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestCheckTellsItsProgress(t *testing.T) {
	e := sessions(t, Options{})
	err := inBatches(e, 3*checkEvery, func(w Writer, i int) error {
		return insert(fmt.Sprintf("%09d", i), nil, epoch.Add(time.Duration(i)*time.Second))(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	var calls, last, end int64
	_, err = e.Check(background, func(step string, done, total int64) {
		if calls++; step != "check" || done < last || done > total {
			t.Errorf("%s: %d of %d after %d", step, done, total, last)
		}
		last, end = done, total
	})
	if err != nil || calls < 4 || last != end || last == 0 {
		t.Errorf("%d calls, the last %d of %d; %v", calls, last, end, err)
	}
}

// childRepair is killed at its n-th write.
func childRepair(dir string) {
	n, err := strconv.ParseInt(os.Getenv("CHAISQLD_TEST_STEP"), 10, 64)
	if err != nil {
		childFail("step: %v", err)
	}
	step := killAt(n)
	hookFiles(dir, func(operation, name string) error {
		if operation == "sync" && strings.HasSuffix(name, ".log") {
			step()
		}
		return nil
	})
	if _, err := Repair(background, Options{Dir: dir}, nil); err != nil {
		childFail("repair: %v", err)
	}
}

// An index of more than the 10 MB at which Chai writes a transaction in parts
// is rebuilt from nothing, killed at each of its steps on the way.
func TestRepairOfLargeIndexSurvivesKills(t *testing.T) {
	onlyAtLength(t)
	const rows = 3_600 // with 3 kB to an entry
	dir := t.TempDir()
	e, err := Open(background, Options{Dir: dir, HangLimit: patient})
	if err != nil {
		t.Fatal(err)
	}
	if err := define(e, "CREATE TABLE long (id TEXT PRIMARY KEY, a TEXT)", "CREATE INDEX long_a ON long (a)"); err != nil {
		t.Fatal(err)
	}
	err = inBatches(e, rows, func(w Writer, i int) error {
		id := strings.Repeat("i", 1500) + strconv.Itoa(i)
		return w.Exec("INSERT INTO long (id, a) VALUES ($1, $2)", []any{id, id})
	})
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	onPebble(t, dir, func(db *pebble.DB, c *storedCatalogue) error {
		namespace := c.namespace("long_a")
		return db.DeleteRange(intKey(namespace), intKey(namespace+1), pebble.Sync)
	})
	kills := repairUnderKills(t, dir)
	report, err := CheckDirectory(background, Options{Dir: dir}, nil)
	if err != nil || !report.OK() || report.Tables[0].Indexes[0].Entries != rows {
		t.Fatalf("%v, found %v", err, report.Problems())
	}
	if kills < 2 {
		t.Errorf("the repair was killed %d times only", kills)
	}
}

// repairUnderKills lets each attempt come a step further than the one before.
func repairUnderKills(t *testing.T, dir string) (kills int) {
	t.Helper()
	for {
		out, err := child(t, "repair", dir, "CHAISQLD_TEST_STEP="+strconv.Itoa(2*kills+4)).CombinedOutput()
		if err == nil {
			return kills
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, out)
		}
		if kills++; kills > 100 {
			t.Fatal("the repair gets nowhere")
		}
	}
}
