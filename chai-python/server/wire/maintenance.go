package wire

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// Checks and backups of a database that is being served. They may take long,
// so they are under no statement timeout, tell their progress in notices, and
// end when their client cancels or leaves, or when the server leaves.

// operation is one check or backup.
type operation func(ctx context.Context, progress engine.Progress) (report any, err error)

// maintain answers with the report as one row of JSON.
func (c *conn) maintain(o gate.MaintenanceOption, args []any) ([][]any, error) {
	if err := c.mayMaintain(); err != nil {
		return nil, err
	}
	do := func(ctx context.Context, progress engine.Progress) (any, error) {
		return c.server.engine.Check(ctx, progress)
	}
	if o.Backup {
		path, err := o.Path(args)
		if err != nil {
			return nil, err
		}
		do = func(ctx context.Context, progress engine.Progress) (any, error) {
			return c.server.engine.Backup(ctx, path, progress)
		}
	}
	ctx := c.cancel.begin(0)
	defer c.cancel.end()
	report, err := c.watch(ctx, do)
	if err != nil {
		return nil, maintenanceError(err)
	}
	text, err := json.Marshal(report)
	return [][]any{{string(text)}}, err
}

// mayMaintain: what these read and write is not what a user of the database may.
func (c *conn) mayMaintain() error {
	local, ok := c.socket.(*net.UnixConn)
	if !ok {
		return errNotOwner
	}
	own := uint32(os.Geteuid())
	switch uid, err := peerUID(local); {
	case err != nil || !peerAllowed(uid, own, nil):
		return errNotOwner
	case c.tx.explicit || c.tx.lease != nil:
		return pgerr.New(pgerr.ActiveSQLTransaction, "checks and backups cannot run inside a transaction block")
	}
	return nil
}

var errNotOwner = pgerr.New(pgerr.InsufficientPrivilege, "checks and backups are for the server's own user and root, on the Unix socket")

// watch runs an operation beside this goroutine, which tells the client how far
// it is: a client that is slow to listen must not keep the engine waiting.
func (c *conn) watch(ctx context.Context, do operation) (any, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	events := make(chan engine.ProgressEvent, 1)
	ended := make(chan struct{})
	var report any
	var err error
	go func() {
		defer close(ended)
		report, err = recovered(ctx, do, teller(events))
	}()
	for {
		select {
		case <-ended:
			select {
			case e := <-events: // a step that was over at once is told of too
				if err := c.tell(e); err != nil {
					return nil, err
				}
			default:
			}
			return report, whyCanceled(ctx, err)
		case e := <-events:
			if err := c.tell(e); err != nil {
				stop(err)
				<-ended
				return nil, err
			}
		}
	}
}

// tell sends the event at once, unless the server is leaving.
func (c *conn) tell(e engine.ProgressEvent) error {
	if c.draining.Load() {
		return errAdminShutdown
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	c.notify("NOTICE", successfulCompletion, string(text))
	return c.flush()
}

// teller forwards what is new in a step, now and then, and never waits.
func teller(events chan<- engine.ProgressEvent) engine.Progress {
	var last string
	var told time.Time
	return func(step string, done, total int64) {
		if now := time.Now(); step != last || now.Sub(told) >= engine.ProgressEvery {
			select {
			case events <- engine.NewProgressEvent(step, done, total):
				last, told = step, now
			default:
			}
		}
	}
}

// recovered keeps a defect from ending the process, as recoverPanic does.
func recovered(ctx context.Context, do operation, progress engine.Progress) (report any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = pgerr.New(pgerr.InternalError, "internal error: panic of type %T", p)
		}
	}()
	return do(ctx, progress)
}

func maintenanceError(err error) error {
	if errors.Is(err, engine.ErrDamaged) {
		return pgerr.New(pgerr.DataCorrupted, "%w", err)
	}
	return err
}
