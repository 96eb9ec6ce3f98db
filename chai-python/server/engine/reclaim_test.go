package engine

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tableBytes is what Pebble's tables take on the disk.
func tableBytes(t *testing.T, dir string) (total int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pebbleName, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			total += info.Size()
		}
	}
	return total
}

// Deletions alone do not fill a memtable, so without a flush their space would never be free.
func TestDeletionsFreeSpaceOnANearlyFullDisk(t *testing.T) {
	var free atomic.Int64
	free.Store(1 << 40)
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir, statfs: func(string) (int64, int64, error) { return free.Load(), 100 << 30, nil }})
	const rows = 4000
	err := inBatches(e, rows, func(w Writer, i int) error {
		data := make([]byte, 1500)
		_, _ = rand.Read(data)
		return w.Insert(w.Catalogue().Table("sessions"), []any{rand.Text(), data, epoch.Add(time.Duration(i) * time.Second)})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := flush(e); err != nil {
		t.Fatal(err)
	}
	full := tableBytes(t, dir)
	if full < rows*1500 {
		t.Fatalf("%d bytes of tables for %d rows", full, rows)
	}
	free.Store(1<<30 - 1)
	for range rows / 500 {
		e.disk.next.Store(0)
		err := e.Write(background, WriteRequest{Frees: true, Run: func(w Writer) error {
			return w.Exec("DELETE FROM sessions WHERE expiry < $1 LIMIT 500", []any{epoch.Add(rows * time.Second)})
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the space is free", func() bool { return tableBytes(t, dir) < full/10 })
	mustCheck(t, e, 0)
}

// Nothing is flushed while there is room, nor more often than is useful.
func TestFlushesAreRare(t *testing.T) {
	o := Options{statfs: func(string) (int64, int64, error) { return 1 << 40, 1 << 40, nil }}
	o.setDefaults()
	d := newDisk("/somewhere", &o)
	flushes := make(chan struct{}, 10)
	start := time.Now()
	at := func(after time.Duration) int {
		d.reclaim(start.Add(after), func() error { flushes <- struct{}{}; return nil })
		for d.flushing.Load() {
			time.Sleep(time.Millisecond)
		}
		return len(flushes)
	}
	d.committed()
	if n := at(0); n != 0 {
		t.Errorf("%d flushes with room on the disk", n)
	}
	d.statfs = func(string) (int64, int64, error) { return 1, 1 << 40, nil }
	d.next.Store(0)
	if err := d.check(false); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Fatal(err)
	}
	for _, test := range []struct {
		after time.Duration
		write bool
		want  int
	}{{0, false, 0}, {time.Second, true, 1}, {2 * time.Second, true, 1}, {7 * time.Second, false, 2}, {20 * time.Second, false, 2}} {
		if test.write {
			d.committed()
		}
		if n := at(test.after); n != test.want {
			t.Errorf("%+v: %d flushes", test, n)
		}
	}
}
