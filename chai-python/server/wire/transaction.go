package wire

import (
	"context"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// transaction is the session's. The zero value is none: an implicit one starts
// with the first statement and ends at Sync or with the simple query.
type transaction struct {
	explicit  bool // BEGIN … COMMIT
	failed    bool // explicit, and waiting for its ROLLBACK
	readOnly  bool
	isolation string
	now       time.Time // what now() gives; zero: not started
	lease     *engine.Lease
	snapshot  *engine.Snapshot
	schema    bool              // the lease has changed the schema
	before    map[string]string // settings to go back to; nil: none changed
	local     map[string]string // the values that SET LOCAL hides until the transaction ends
}

// status is what ReadyForQuery says.
func (t *transaction) status() byte {
	switch {
	case t.failed:
		return 'E'
	case t.explicit:
		return 'T'
	}
	return 'I'
}

func (t *transaction) start(now time.Time, readOnly bool) {
	if t.now.IsZero() {
		t.now, t.readOnly = now, readOnly
	}
}

// begin makes the transaction an explicit one, with whatever was done in it so
// far. Isolation beyond READ COMMITTED is had by being the only writer.
func (c *conn) begin(o gate.BeginOptions) error {
	c.tx.start(c.server.options.Now(), c.settings.readOnlyByDefault())
	if c.tx.explicit {
		c.notify("WARNING", pgerr.ActiveSQLTransaction, "there is already a transaction in progress")
		return nil
	}
	c.tx.explicit = true
	c.tx.readOnly = c.tx.readOnly || o.ReadOnly
	c.tx.isolation = o.Isolation
	if c.tx.isolation == "" {
		c.tx.isolation = c.settings.get("default_transaction_isolation")
	}
	if err := c.isolate(); err != nil {
		c.tx.explicit = false
		return err
	}
	return nil
}

// isolate takes what the transaction's isolation needs from its start.
func (c *conn) isolate() error {
	if !serial(c.tx.isolation) || c.tx.readOnly {
		return nil
	}
	ctx := c.beginWork()
	defer c.endWork()
	return whyCanceled(ctx, c.onLease(ctx, true, func(engine.Writer) error { return nil }))
}

// serial tells the isolation levels that are had by being the only writer.
func serial(isolation string) bool {
	return isolation == "repeatable read" || isolation == "serializable"
}

// setTransaction answers SET TRANSACTION, which comes before any work.
func (c *conn) setTransaction(o gate.SetOption) error {
	switch {
	case !c.tx.explicit:
		return pgerr.New(pgerr.FeatureNotSupported, "SET TRANSACTION can only be used in transaction blocks").
			WithHint("SET default_transaction_isolation or default_transaction_read_only for the whole session.")
	case c.tx.lease != nil || c.tx.snapshot != nil || len(o.Values) != 1:
		return pgerr.New(pgerr.ActiveSQLTransaction, "SET TRANSACTION must be called before any query")
	case o.Name == "transaction_read_only":
		c.tx.readOnly = o.Values[0] == "on"
	default:
		c.tx.isolation = o.Values[0]
	}
	return c.isolate()
}

// onLease runs fn in the write transaction, for which it may have to queue.
// frees says that fn writes nothing but deletions.
func (c *conn) onLease(ctx context.Context, frees bool, fn func(engine.Writer) error) error {
	if c.tx.lease == nil {
		wait := c.waitForWriter(ctx)
		lease, err := c.server.engine.Lease(wait.ctx, &c.client)
		if err = wait.end(err); err != nil {
			return err
		}
		c.tx.lease = lease
	}
	if frees {
		return c.tx.lease.RunFreeing(fn)
	}
	return c.tx.lease.Run(fn)
}

func (c *conn) onSnapshot(ctx context.Context, fn func(engine.Reader) error) error {
	if c.tx.snapshot == nil {
		snapshot, err := c.server.engine.Snapshot(ctx)
		if err != nil {
			return err
		}
		c.tx.snapshot = snapshot
	}
	return c.tx.snapshot.Run(fn)
}

// catalogue is the one that a statement arriving now is planned against.
func (c *conn) catalogue() *engine.Catalogue {
	newest := c.server.engine.Catalogue()
	if c.tx.lease != nil && c.tx.schema {
		// An error means that the lease is over; the statement will hear it.
		_ = c.tx.lease.RunFreeing(func(w engine.Writer) error {
			newest = w.Catalogue()
			return nil
		})
	}
	return newest
}

// commitCommand answers COMMIT; a failed transaction is rolled back by it.
func (c *conn) commitCommand(o gate.EndOptions) (tag string, err error) {
	if c.tx.failed {
		return c.rollbackCommand(o)
	}
	if !c.tx.explicit {
		c.notify("WARNING", pgerr.NoActiveSQLTransaction, "there is no transaction in progress")
	}
	return "COMMIT", c.chained(o, c.commit)
}

func (c *conn) rollbackCommand(o gate.EndOptions) (tag string, err error) {
	if !c.tx.explicit {
		c.notify("WARNING", pgerr.NoActiveSQLTransaction, "there is no transaction in progress")
	}
	return "ROLLBACK", c.chained(o, func() error { c.rollback(); return nil })
}

// chained ends the transaction and, for AND CHAIN, begins one like it.
func (c *conn) chained(o gate.EndOptions, end func() error) error {
	if o.Chain && !c.tx.explicit {
		return pgerr.New(pgerr.NoActiveSQLTransaction, "AND CHAIN can only be used in transaction blocks")
	}
	next := gate.BeginOptions{ReadOnly: c.tx.readOnly, Isolation: c.tx.isolation}
	if err := end(); err != nil || !o.Chain {
		return err
	}
	return c.begin(next)
}

// commit ends the transaction, implicit or not, and makes it durable.
func (c *conn) commit() error {
	var err error
	if lease := c.tx.lease; lease != nil {
		c.tx.lease = nil
		err = lease.Commit()
	}
	if err != nil {
		c.rollback()
		return err
	}
	c.endLocalSettings()
	c.endTransaction()
	return nil
}

// rollback ends the transaction without a trace.
func (c *conn) rollback() {
	if c.tx.before != nil {
		c.settings.restore(c.tx.before)
	}
	c.endTransaction()
}

// abort undoes everything after an error. An explicit transaction then waits
// for its ROLLBACK.
func (c *conn) abort() {
	explicit, started := c.tx.explicit, c.tx
	c.rollback()
	if explicit {
		c.tx = transaction{explicit: true, failed: true, now: started.now, readOnly: started.readOnly, isolation: started.isolation}
	}
}

// endTransaction frees what the transaction holds. Portals do not outlive it.
func (c *conn) endTransaction() {
	c.releaseEngine()
	clear(c.portals)
	c.settleMemory()
	c.tx = transaction{}
}

func (c *conn) releaseEngine() {
	if lease := c.tx.lease; lease != nil {
		c.tx.lease = nil
		if err := lease.Rollback(); err != nil {
			c.log.Error("rollback failed", "code", sqlstate(err))
		}
	}
	if snapshot := c.tx.snapshot; snapshot != nil {
		c.tx.snapshot = nil
		snapshot.Close()
	}
}

// keepSettings remembers the settings before the transaction's first change.
func (c *conn) keepSettings() {
	c.tx.start(c.server.options.Now(), c.settings.readOnlyByDefault())
	if c.tx.before == nil {
		c.tx.before = c.settings.values
	}
}

// hideLocally keeps the value that a setting has outside of SET LOCAL.
func (t *transaction) hideLocally(name, value string) {
	if t.local == nil {
		t.local = map[string]string{}
	}
	if _, hidden := t.local[name]; !hidden {
		t.local[name] = value
	}
}

func (c *conn) endLocalSettings() {
	for name, value := range c.tx.local {
		c.settings.assign(name, value)
	}
}
