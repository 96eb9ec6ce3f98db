package wire

import (
	"context"
	"errors"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// Running the statements of a batch: which of the engine's ways they take, and
// their replies once the engine has them durable.

// execute runs steps that the session does not answer itself. done counts those
// whose replies may be sent: all before the failed one, but none when they were
// to be committed together and were not.
func (c *conn) execute(ctx context.Context, steps []step, final bool) (done int, err error) {
	c.tx.start(c.server.options.Now(), c.settings.readOnlyByDefault())
	if c.tx.failed {
		return 0, c.inFailedTransaction(&steps[0])
	}
	markFresh(steps)
	if c.tx.explicit || c.tx.lease != nil {
		return c.runEach(ctx, steps)
	}
	switch access := accessOf(steps); {
	case access == gate.None:
		err = c.runSteps(nil, steps, &done)
	case access == gate.Read:
		done, err = c.running.read(ctx, c, steps)
	case c.tx.readOnly || !final:
		return c.runEach(ctx, steps)
	default:
		if done, err = c.scout(ctx, steps); done > 0 || err != nil {
			return done, err
		}
		done, err = c.running.write(ctx, c, steps, engine.WriteRequest{
			Client: &c.client, Bytes: bytesOf(steps), Schema: access == gate.Schema, Frees: frees(steps)})
		if err != nil && done == len(steps) {
			done = 0
		}
		if len(steps) > 1 && errors.Is(err, gate.ErrTurnOver) {
			return c.runEach(ctx, steps) // in a transaction that is held, each of them has its turn
		}
	}
	return done, err
}

// scout looks for the rows that a single statement is about to change. Where
// there are none it is done. That is READ COMMITTED: what it found may have
// changed until it has the writer, but for the rows themselves, which are
// looked at again.
func (c *conn) scout(ctx context.Context, steps []step) (done int, err error) {
	s := &steps[0]
	p := s.portal
	if len(steps) > 1 || s.err != nil || !s.fresh || p.plan == nil || !p.plan.Scouts() {
		return 0, nil
	}
	if serial(c.settings.get("default_transaction_isolation")) {
		return 0, nil
	}
	err = c.server.engine.Read(ctx, func(r engine.Reader) (err error) {
		s.found, err = p.plan.Find(r, p.args, c.tx.now, c.meter)
		return err
	})
	if err != nil || s.found == nil || s.found.Nothing() == nil {
		return 0, shifted(err, p.offset)
	}
	p.result = s.found.Nothing()
	return 1, nil
}

// inFailedTransaction is the answer to whatever does not end the transaction.
func (c *conn) inFailedTransaction(s *step) error {
	if s.err != nil && sqlstate(s.err) == pgerr.SyntaxError {
		return s.err
	}
	return engine.ErrFailedTransaction
}

// markFresh tells first executions from those that go on with rows already
// fetched. A statement without rows to go on with cannot be executed again.
func markFresh(steps []step) {
	for i := range steps {
		s := &steps[i]
		p := s.portal
		if p == nil {
			continue
		}
		s.fresh = !p.started
		if p.started && !p.suspendable && p.plan.Verb != gate.Select {
			s.err = pgerr.New(pgerr.ObjectNotInPrerequisiteState, "portal %q cannot be run again", p.name)
		}
		p.started = true
		p.suspendable = p.suspendable || s.maxRows > 0
	}
}

// accessOf is the most that any of the steps needs.
func accessOf(steps []step) gate.Access {
	most := gate.None
	for i := range steps {
		if s := &steps[i]; s.err == nil {
			most = max(most, s.access())
		}
	}
	return most
}

func (s *step) access() gate.Access {
	switch {
	case !s.fresh:
		return gate.None
	case s.portal.plan == nil:
		return gate.Write
	}
	return s.portal.plan.Access
}

func bytesOf(steps []step) int {
	n := 0
	for i := range steps {
		if p := steps[i].portal; p != nil && p.plan != nil {
			n += p.plan.Bytes(p.args)
		}
	}
	return n
}

// frees tells whether all that the steps write is to take rows or tables out.
// Then they may run when the disk is nearly full, or it would stay so.
func frees(steps []step) bool {
	for i := range steps {
		if s := &steps[i]; s.err == nil && !s.frees() {
			return false
		}
	}
	return true
}

func (s *step) frees() bool {
	return s.access() < gate.Write || s.portal.plan != nil && s.portal.plan.Frees()
}

// runSteps runs steps on one reader. When the engine calls again after a
// rollback, they run again.
func (c *conn) runSteps(r engine.Reader, steps []step, done *int) error {
	*done = 0
	for i := range steps {
		if err := c.runStep(r, &steps[i]); err != nil {
			return err
		}
		*done = i + 1
	}
	return nil
}

func (c *conn) runStep(r engine.Reader, s *step) error {
	if s.err != nil {
		return s.err
	}
	if !s.fresh {
		return nil
	}
	p := s.portal
	if p.late {
		if err := c.planLate(p, r.Catalogue()); err != nil {
			return err
		}
	}
	var err error
	if w, writes := r.(engine.Writer); s.found != nil && writes {
		p.result, err = s.found.Run(w, p.args, c.tx.now, c.meter)
	} else {
		p.result, err = p.plan.Run(r, p.args, c.tx.now, c.meter)
	}
	return shifted(err, p.offset)
}

// runEach runs steps one by one in a transaction that is held open.
func (c *conn) runEach(ctx context.Context, steps []step) (done int, err error) {
	for i := range steps {
		if err := c.runHeld(ctx, &steps[i]); err != nil {
			return i, err
		}
	}
	return len(steps), nil
}

// runHeld runs one step in the transaction's lease or snapshot, which it takes
// when the step is the first to need it. Until then a transaction that may
// write reads what is newest, as READ COMMITTED does.
func (c *conn) runHeld(ctx context.Context, s *step) error {
	if p := s.portal; s.err == nil && p.late {
		s.err = c.planLate(p, c.catalogue())
		p.late = false
	}
	if s.err != nil {
		return s.err
	}
	onReader := func(r engine.Reader) error { return c.runStep(r, s) }
	switch access := s.access(); {
	case access == gate.None:
		return c.runStep(nil, s)
	case access >= gate.Write && c.tx.readOnly:
		return pgerr.New(pgerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", verbName(s.portal.plan.Verb))
	case c.tx.lease == nil && c.tx.explicit && c.tx.readOnly:
		return c.onSnapshot(ctx, onReader)
	case c.tx.lease == nil && access == gate.Read:
		return c.server.engine.Read(ctx, onReader)
	case access == gate.Schema:
		c.tx.schema = true
	}
	return c.onLease(ctx, s.frees(), func(w engine.Writer) error { return c.runStep(w, s) })
}

func verbName(v gate.Verb) string {
	switch v {
	case gate.Insert:
		return "INSERT"
	case gate.Update:
		return "UPDATE"
	case gate.Delete:
		return "DELETE"
	case gate.CreateTable:
		return "CREATE TABLE"
	case gate.CreateIndex:
		return "CREATE INDEX"
	case gate.DropTable:
		return "DROP TABLE"
	case gate.DropIndex:
		return "DROP INDEX"
	case gate.Truncate:
		return "TRUNCATE TABLE"
	}
	return "this statement"
}
