package wire

import (
	"context"

	"chaisqld/pgerr"
)

// A wait for the writer is the one wait for a lock that there is: lock_timeout
// ends it before the statement's own time is over.

// writerWait is such a wait. The engine looks at ctx only while the request is
// in its queue.
type writerWait struct {
	ctx, statement context.Context
	cancel         context.CancelFunc // nil: lock_timeout is not set
}

func (c *conn) waitForWriter(ctx context.Context) writerWait {
	w := writerWait{ctx: ctx, statement: ctx}
	if limit := c.settings.ready.lockTimeout; limit > 0 {
		w.ctx, w.cancel = context.WithTimeout(ctx, limit)
	}
	return w
}

// end gives the error that the wait ended with its right name.
func (w *writerWait) end(err error) error {
	if w.cancel == nil {
		return err
	}
	late := w.ctx.Err() != nil && w.statement.Err() == nil
	w.cancel()
	if err != nil && late && sqlstate(err) == pgerr.QueryCanceled {
		return errLockTimeout
	}
	return err
}
