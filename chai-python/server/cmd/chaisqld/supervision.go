package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"chaisqld/engine"
	"chaisqld/pgerr"

	"github.com/coreos/go-systemd/v22/daemon"
)

// supervisor tells the service manager that started us how we are (sd_notify).
// Without one it does nothing.
type supervisor struct{ log *slog.Logger }

func (s supervisor) say(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("cannot tell the service manager", "error", err)
	}
}

func (s supervisor) ready(status string)    { s.say(daemon.SdNotifyReady + "\nSTATUS=" + status) }
func (s supervisor) stopping(status string) { s.say(daemon.SdNotifyStopping + "\nSTATUS=" + status) }

func (s supervisor) reloading() {
	s.say(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=Reading certificate and users again")
}

// feed keeps the service manager's watchdog quiet for as long as the engine
// answers, until ctx ends.
func (s supervisor) feed(ctx context.Context, db *engine.Engine) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("cannot read the watchdog's time limit", "error", err)
	}
	if limit <= 0 {
		return
	}
	tick := time.NewTicker(limit / 3)
	defer tick.Stop()
	for {
		if err := answers(ctx, db, limit/3); err == nil {
			s.say(daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			s.log.Error("the database does not answer: the watchdog is not fed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// answers does what every client does: it reads, and has its turn at the
// writer, where it writes nothing and so costs no fsync.
func answers(ctx context.Context, db *engine.Engine, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	read := func(r engine.Reader) error {
		return r.Query("SELECT 1", nil, func([]any) error { return nil })
	}
	if err := db.Read(ctx, read); err != nil {
		return err
	}
	err := db.Write(ctx, engine.WriteRequest{Probe: true, Run: func(engine.Writer) error { return nil }})
	if isAnswer(err, db.WriterBusy()) {
		return nil
	}
	return err
}

// isAnswer knows the refusals of an engine that is well: no room on the disk, a
// full queue; and that it waited in vain for a writer that is busy, which the
// engine's own watchdog looks after.
func isAnswer(err error, busy bool) bool {
	var e *pgerr.Error
	if err == nil || !errors.As(err, &e) {
		return err == nil
	}
	switch e.Code {
	case pgerr.DiskFull, pgerr.TooManyConnections:
		return true
	case pgerr.LockNotAvailable, pgerr.QueryCanceled:
		return busy
	}
	return false
}
