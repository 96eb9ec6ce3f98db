package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chaisqld/pgerr"

	"github.com/cockroachdb/pebble/v2"
)

func TestValuesComeBackAsTheyWent(t *testing.T) {
	e := open(t, Options{})
	err := define(e, "CREATE TABLE v (id INTEGER PRIMARY KEY, b BOOLEAN, n BIGINT, d DOUBLE PRECISION, s TEXT, y BYTEA, t TIMESTAMP)")
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("", 3*3600)
	rows := [][]any{
		{int64(1), nil, nil, nil, nil, nil, nil},
		{int64(-2), true, int64(math.MinInt64), -0.5, "", []byte{}, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)},
		{int64(70000), false, int64(math.MaxInt64), 1e300, "a'\x00\"é\\", []byte{0, 0xff, '\''}, time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)},
		{int64(5), true, int64(31), 3.0, "x", []byte("y"), time.Date(2030, 6, 1, 12, 0, 0, 123456789, zone)},
	}
	for _, row := range rows {
		err := e.Write(background, WriteRequest{Run: func(w Writer) error {
			return w.Exec("INSERT INTO v VALUES ($1, $2, $3, $4, $5, $6, $7)", row)
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows[3][6] = time.Date(2030, 6, 1, 9, 0, 0, 123456000, time.UTC)
	for _, want := range rows {
		var got []any
		err := e.Read(background, func(r Reader) error {
			return r.Query("SELECT * FROM v WHERE id = $1", want[:1], func(v []any) error { got = append(got, v...); return nil })
		})
		if err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
			t.Errorf("got %#v, want %#v, error %v", got, want, err)
		}
	}
}

func TestValuesThatChaiWouldMisread(t *testing.T) {
	e := sessions(t, Options{})
	for _, test := range []struct {
		value any
		code  string
	}{
		{1, pgerr.InternalError}, {int32(1), pgerr.InternalError}, {struct{}{}, pgerr.InternalError},
		{time.Date(2000, 12, 31, 23, 59, 59, 0, time.UTC), pgerr.DatetimeFieldOverflow},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), pgerr.DatetimeFieldOverflow},
		{time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC), pgerr.DatetimeFieldOverflow},
	} {
		err := e.Read(background, func(r Reader) error {
			return r.Query("SELECT token FROM sessions WHERE expiry < $1", []any{test.value}, func([]any) error { return nil })
		})
		wantCode(t, err, test.code)
	}
}

func TestDiskFloor(t *testing.T) {
	var free atomic.Int64
	free.Store(1 << 40)
	e := sessions(t, Options{statfs: func(string) (int64, int64, error) { return free.Load(), 100 << 30, nil }})
	write := func(token string) error {
		e.disk.next.Store(0) // as if the second since the last look were over
		return e.Write(background, WriteRequest{Run: insert(token, nil, epoch)})
	}
	if err := write("a"); err != nil {
		t.Fatal(err)
	}
	free.Store(1<<30 - 1)
	wantCode(t, write("b"), pgerr.DiskFull)
	l := lease(t, e)
	if err := l.RunFreeing(func(w Writer) error { return w.Exec("DELETE FROM sessions WHERE token = 'none'", nil) }); err != nil {
		t.Errorf("a delete in a transaction: %v", err)
	}
	wantCode(t, l.Run(insert("b", nil, epoch)), pgerr.DiskFull)
	if n := count(t, e); n != 1 {
		t.Errorf("reads on a full disk: %d rows", n)
	}
	if err := erase(e, "a"); err != nil { // or nobody could ever free space by deleting
		t.Errorf("a delete on a nearly full disk: %v", err)
	}
	free.Store(1<<30/deleteDivisor - 1)
	wantCode(t, erase(e, "a"), pgerr.DiskFull)
	_, err := e.Lease(background, nil)
	wantCode(t, err, pgerr.DiskFull)
	free.Store(1 << 30)
	if err := write("c"); err != nil {
		t.Errorf("after space was freed: %v", err)
	}
}

func erase(e *Engine, token string) error {
	e.disk.next.Store(0)
	return e.Write(background, WriteRequest{Frees: true, Run: func(w Writer) error {
		return w.Exec("DELETE FROM sessions WHERE token = $1", []any{token})
	}})
}

func TestDiskFloorSettings(t *testing.T) {
	const gb = 1 << 30
	for _, test := range []struct {
		floor, free, total int64
		err                error
		refused            bool
	}{
		{0, gb, 1000 * gb, nil, false},
		{0, gb - 1, 1000 * gb, nil, true},
		{0, gb / 20, gb, nil, false}, // a small disk: 5 %
		{0, gb/20 - 1, gb, nil, true},
		{0, gb / 32, gb / 2, nil, false}, // a very small one: 32 MiB
		{0, gb/32 - 1, gb / 2, nil, true},
		{500, 499, gb, nil, true},
		{500, 500, gb, nil, false},
		{-1, 0, gb, nil, false},
		{0, 0, 0, errors.New("no such file system"), false},
	} {
		o := Options{DiskFloor: test.floor, statfs: func(string) (int64, int64, error) { return test.free, test.total, test.err }}
		o.setDefaults()
		if err := newDisk("/somewhere", &o).check(false); (err != nil) != test.refused {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestDiskIsLookedAtSeldom(t *testing.T) {
	looks := 0
	o := Options{statfs: func(string) (int64, int64, error) { looks++; return 1 << 40, 1 << 40, nil }}
	o.setDefaults()
	d := newDisk("/somewhere", &o)
	for range 1000 {
		if err := d.check(false); err != nil {
			t.Fatal(err)
		}
	}
	if looks > 2 {
		t.Errorf("%d looks in a moment", looks)
	}
}

func TestCloseDrainsTheQueue(t *testing.T) {
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir, IdleInTransaction: time.Hour, TransactionTime: time.Hour})
	l := lease(t, e)
	errs := make(chan error, 3)
	for i := range 3 {
		go func() { errs <- e.Write(background, WriteRequest{Run: insert(fmt.Sprint("t", i), nil, epoch)}) }()
	}
	eventually(t, "the writes wait", func() bool { return waiting(e) == 3 })
	s, err := e.Snapshot(background)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "close", func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	for range 3 {
		if err := <-errs; err != nil {
			t.Errorf("a write that waited: %v", err)
		}
	}
	wantCode(t, l.Commit(), pgerr.AdminShutdown)
	wantCode(t, s.Run(func(Reader) error { return nil }), pgerr.AdminShutdown)
	wantCode(t, e.Write(background, WriteRequest{Run: insert("late", nil, epoch)}), pgerr.AdminShutdown)
	wantCode(t, e.Read(background, func(Reader) error { return nil }), pgerr.AdminShutdown)
	mustCheck(t, open(t, Options{Dir: dir}), 3)
}

func TestCloseIsBounded(t *testing.T) {
	e, err := Open(background, Options{CloseWait: 50 * time.Millisecond, Dir: Memory})
	if err != nil {
		t.Fatal(err)
	}
	reading, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = e.Read(background, func(Reader) error { close(reading); <-release; return nil })
	})
	<-reading
	within(t, "close beside a read that does not end", func() {
		if err := e.Close(); err == nil {
			t.Error("close says that all is well")
		}
	})
	close(release)
	wg.Wait()
}

func TestMemoryLeavesNoFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	e := sessions(t, Options{Dir: Memory})
	if err := e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, e); n != 1 {
		t.Errorf("%d rows", n)
	}
	if files := listing(t, "."); files != ".\n" {
		t.Errorf("files appeared: %s", files)
	}
}

func TestOptionsAreCheckedBeforeAnyIO(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, o := range map[string]Options{
		"no directory":        {},
		"negative readers":    {Dir: "x", Readers: -1},
		"negative queue":      {Dir: "x", QueueRequests: -1},
		"negative wait":       {Dir: "x", LockWait: -time.Second},
		"transactions of 5MB": {Dir: "x", MaxTransactionBytes: 5 << 20},
	} {
		if _, err := Open(background, o); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			wantCode(t, err, pgerr.InvalidParameterValue)
		}
	}
	if files := listing(t, "."); files != ".\n" {
		t.Errorf("files appeared: %s", files)
	}
}

// Large sorts leave rows in the database, and after a restart the next sorts
// fail on them, unless they are cleaned up at start.
func TestLeavingsOfSortsAreCleanedUp(t *testing.T) {
	dir := t.TempDir()
	sort := func(e *Engine) error {
		return e.Read(background, query("SELECT token FROM sessions ORDER BY data"))
	}
	e := sessions(t, Options{Dir: dir})
	err := inBatches(e, 1000, func(w Writer, i int) error {
		return insert(fmt.Sprint("t", i), bytes.Repeat([]byte{byte(i)}, 1000), epoch.Add(time.Duration(i)*time.Second))(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sort(e); err != nil {
		t.Fatal(err)
	}
	if n := transientKeys(t, e); n == 0 {
		t.Fatal("Chai left nothing behind: look whether the clean-up is still needed")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, Options{Dir: dir})
	if n := transientKeys(t, e); n != 0 {
		t.Errorf("%d rows of an old sort are left", n)
	}
	if err := sort(e); err != nil {
		t.Errorf("sort after a restart: %v", err)
	}
	mustCheck(t, e, 1000)
}

func transientKeys(t *testing.T, e *Engine) (n int) {
	t.Helper()
	c, err := connect(e.connector)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	db, err := pebbleOf(c)
	if err != nil {
		t.Fatal(err)
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: intKey(firstTransient), UpperBound: intKey(lastTransient)})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		n++
	}
	return n
}

func TestCheckFindsABrokenIndex(t *testing.T) {
	e := sessions(t, Options{})
	write := func(sql string, args ...any) {
		t.Helper()
		if err := e.Write(background, WriteRequest{Run: func(w Writer) error { return w.Exec(sql, args) }}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		write("INSERT INTO sessions (token, data, expiry) VALUES ($1, '', $2)", fmt.Sprint("t", i), epoch.Add(time.Duration(i)*time.Second))
	}
	mustCheck(t, e, 5)
	// Chai forgets the index here, one of the reasons why clients' SQL never reaches it.
	write("INSERT INTO sessions (token, data, expiry) VALUES ($1, '', $2) ON CONFLICT DO REPLACE", "t3", epoch.Add(time.Hour))
	report, err := e.Check(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.OK() || !strings.Contains(strings.Join(report.Problems(), "\n"), "index idx_sessions_expiry: 1 rows are missing") {
		t.Errorf("the audit says %+v", report)
	}
	if text := fmt.Sprint(report); strings.Contains(text, "t3") {
		t.Errorf("the report shows a key: %s", text)
	}
}
