package engine

import (
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"chaisqld/pgerr"
)

// A full disk does not fail in Chai: everything hangs, reads too, without a
// word. So writes stop while there is still room for what is under way.

const (
	diskPeriod   = time.Second // between two looks at the free space
	defaultFloor = 1 << 30     // bytes
	floorDivisor = 20          // the default floor is at most this part of a small file system
	leastFloor   = 32 << 20    // but no less: memtables of 4 MB are to be written, and tables merged

	// Deletes go on down to this part of the floor: without them a disk full of
	// expired sessions would never be free again. They take some space first, in
	// the log and in tables until those are merged; what is left below must hold
	// that, and the memtables that are still to be written. A ballast file, to be
	// removed in need, would hold no more than this part does, and would have to
	// be made again.
	deleteDivisor = 4

	// Pebble frees the space of deleted rows when it merges tables, and it learns
	// of deletions when its memtable is flushed: once 4 MB are full. Deletions are
	// small, so on a disk that is nearly full they are flushed this often.
	reclaimPeriod = 5 * time.Second
)

// statfsFunc tells how many bytes are free for us and how many there are in all.
type statfsFunc func(path string) (free, total int64, err error)

func statfs(path string) (free, total int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	size := int64(s.Bsize)
	return int64(s.Bavail) * size, int64(s.Blocks) * size, nil
}

// disk remembers the verdict of the last look.
type disk struct {
	path   string
	floor  int64
	statfs statfsFunc
	log    *slog.Logger

	start time.Time
	looks atomic.Bool                 // somebody does, which may take long on a network
	next  atomic.Int64                // nanoseconds after start at which the next look is due
	low   atomic.Pointer[pgerr.Error] // refuses writes
	full  atomic.Pointer[pgerr.Error] // refuses deletes as well

	freed    atomic.Bool // something was committed while it was low
	flushing atomic.Bool
	flushed  time.Time // when that began
}

func newDisk(path string, o *Options) *disk {
	d := &disk{path: path, floor: o.DiskFloor, statfs: o.statfs, log: o.Log, start: time.Now()}
	if d.statfs == nil {
		d.statfs = statfs
	}
	return d
}

// check refuses writes while the disk is nearly full, and deletes when it is fuller still.
func (d *disk) check(frees bool) error {
	if d.floor < 0 || d.path == Memory {
		return nil
	}
	if now := int64(time.Since(d.start)); now >= d.next.Load() && d.looks.CompareAndSwap(false, true) {
		d.next.Store(now + int64(diskPeriod))
		d.look()
		d.looks.Store(false)
	}
	verdict := &d.low
	if frees {
		verdict = &d.full
	}
	if err := verdict.Load(); err != nil {
		return err
	}
	return nil
}

func (d *disk) look() {
	free, total, err := d.statfs(d.path)
	if err != nil {
		d.log.Warn("free space is unknown, writes go on", "path", d.path, "error", err)
		return
	}
	floor := d.floor
	if floor == 0 {
		floor = max(leastFloor, min(defaultFloor, total/floorDivisor))
	}
	d.low.Store(d.judge("writes", free, floor))
	d.full.Store(d.judge("deletes", free, floor/deleteDivisor))
}

func (d *disk) judge(what string, free, floor int64) *pgerr.Error {
	if free >= floor {
		return nil
	}
	d.log.Error("disk is nearly full, "+what+" are refused", "path", d.path, "free", free, "floor", floor)
	return pgerr.New(pgerr.DiskFull, "could not write: %d bytes are free on the disk of the database, the limit for %s is %d", free, what, floor).
		WithHint("Free disk space; reads still work, and writes will by themselves.")
}

// committed notes a commit; while the disk is low it can only have been deletions.
func (d *disk) committed() {
	if d.low.Load() != nil {
		d.freed.Store(true)
	}
}

// reclaim calls flush, in a goroutine of its own, when deletions wait for that.
func (d *disk) reclaim(now time.Time, flush func() error) {
	if !d.freed.Load() || now.Sub(d.flushed) < reclaimPeriod || !d.flushing.CompareAndSwap(false, true) {
		return
	}
	d.freed.Store(false)
	d.flushed = now
	go func() {
		defer d.flushing.Store(false)
		if err := flush(); err != nil {
			d.log.Warn("the space of deleted rows could not be freed yet", "error", err)
		}
	}()
}
