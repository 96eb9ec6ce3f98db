package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"chaisqld/engine"

	"golang.org/x/sys/unix"
)

// An open that lasts is looked at: on a full disk Pebble tries for ever, and
// without a word, to write to tables what its log holds.
const (
	openWarning = 2 * time.Second // until the log says so, and between two such lines
	openLimit   = time.Minute
	openRest    = time.Second // for an open that has been told to stop
)

type opened struct {
	db  *engine.Engine
	err error
}

// openEngine returns in any case: after ctx ends, and after openLimit. What it
// gives up ends with the process.
func openEngine(ctx context.Context, o engine.Options) (*engine.Engine, error) {
	done := make(chan opened, 1)
	go func() {
		db, err := engine.Open(ctx, o)
		done <- opened{db, err}
	}()
	start, tick := time.Now(), time.NewTicker(openWarning)
	defer tick.Stop()
	for {
		select {
		case got := <-done:
			return got.db, got.err
		case <-ctx.Done():
			return lastMoment(ctx, done)
		case <-tick.C:
			took := time.Since(start).Round(time.Second)
			if took >= openLimit {
				return nil, fmt.Errorf("%w %s: not done after %s, %s; free disk space and start again", engine.ErrCannotOpen, o.Dir, took, room(o.Dir))
			}
			warnSlowOpen(o.Log, o.Dir, took)
		}
	}
}

// lastMoment lets an open end that takes notice of its context.
func lastMoment(ctx context.Context, done chan opened) (*engine.Engine, error) {
	select {
	case got := <-done:
		return got.db, got.err
	case <-time.After(openRest):
		return nil, ctx.Err()
	}
}

func warnSlowOpen(log *slog.Logger, dir string, took time.Duration) {
	log.Warn("the database is not open yet; on a full disk it cannot be opened", "dir", dir, "after", took, "disk", room(dir))
}

// room says how much is free on a directory's disk.
func room(dir string) string {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "free space unknown"
	}
	return fmt.Sprintf("%d bytes are free", s.Bavail*uint64(s.Bsize))
}
