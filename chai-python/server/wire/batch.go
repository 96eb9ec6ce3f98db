package wire

import "chaisqld/gate"

// A batch is what a client has asked for and not yet been given: statements are
// not run when their Execute arrives but at the next Sync or Flush. So whatever
// stands between two Syncs is one implicit transaction that goes to the engine
// as one request: reads on one snapshot, writes in one commit.
//
// The limits keep a client that never sends Sync from growing it for ever.
const (
	maxBatchSteps = 1000
	maxBatchBytes = 1 << 20 // of parameters, or of replies that wait for their turn
)

type batch struct {
	staged []byte // replies to be sent after a pending step
	sent   int    // how many of them are
	steps  []step
	bytes  int    // of parameters bound to pending steps
	fence  bool   // a pending step may change what later messages mean: schema, transaction, statements
	undo   []undo // changes of statements that the failure of an earlier step takes back
}

// step is one pending statement, or the error that ends the batch.
type step struct {
	portal  *portal
	maxRows int
	staged  int // replies in batch.staged that come before this step's
	fresh   bool
	found   *gate.Found // the rows that it changes, if they were looked for beforehand
	err     error
}

type undo struct {
	steps     int // pending when the change was made
	name      string
	statement *statement // what was there before; nil: nothing
}

func (b *batch) pending() bool { return len(b.steps) > 0 }

func (b *batch) full() bool {
	return max(len(b.steps), len(b.undo)) >= maxBatchSteps || max(b.bytes, len(b.staged)) >= maxBatchBytes
}

func (b *batch) add(s step) {
	s.staged = len(b.staged)
	b.steps = append(b.steps, s)
	if p := s.portal; p != nil {
		b.bytes += p.bytes
		b.fence = b.fence || p.plan == nil || p.plan.Access == gate.Schema || forSession(p.plan.Verb)
	}
}

func (b *batch) reset() {
	clear(b.steps)
	clear(b.undo)
	*b = batch{staged: b.staged[:0], steps: b.steps[:0], undo: b.undo[:0]}
}

// settle runs the pending steps and gathers their replies. final says that the
// implicit transaction ends with them. The client has been told of an error
// that comes back, unless that is about the connection itself.
func (c *conn) settle(final bool) error {
	steps := c.batch.steps
	for i := 0; i < len(steps); {
		n := c.stretch(steps[i:])
		done, err := c.runStretch(steps[i:i+n], final && i+n == len(steps))
		i += done
		if err != nil {
			return c.stepFailed(i, err)
		}
	}
	c.sendStaged(len(c.batch.staged))
	c.batch.reset()
	c.settleMemory()
	return nil
}

// stretch counts the steps that can run together: up to one that the session
// answers itself, which runs alone. Statements of a simple query that could not
// be planned on arrival are planned now, unless a change of the schema before
// them may yet make them right: those, and all that follow such a change, are
// planned when it is done.
func (c *conn) stretch(steps []step) int {
	schema := false
	for i := range steps {
		s := &steps[i]
		if p := s.portal; p != nil && p.plan == nil {
			if err := c.planLate(p, c.catalogue()); err != nil && !schema {
				s.err = err
			}
		}
		if s.forSession() {
			return max(i, 1)
		}
		if p := s.portal; p != nil {
			p.late = p.simple && schema
			schema = schema || p.plan != nil && p.plan.Access == gate.Schema
		}
	}
	return len(steps)
}

func (s *step) forSession() bool {
	return s.err == nil && s.portal.plan != nil && forSession(s.portal.plan.Verb)
}

// runStretch runs some steps and gathers the replies of those that are done.
func (c *conn) runStretch(steps []step, final bool) (done int, err error) {
	if steps[0].forSession() {
		c.sendStaged(steps[0].staged)
		if err := c.sessionCommand(steps[0].portal); err != nil {
			return 0, err
		}
		return 1, c.emit(&steps[0])
	}
	ctx := c.beginWork()
	done, err = c.execute(ctx, steps, final)
	err = whyCanceled(ctx, err)
	c.endWork()
	for i := range steps[:done] {
		c.sendStaged(steps[i].staged)
		if err := c.emit(&steps[i]); err != nil {
			return i, err
		}
	}
	return done, err
}

// sendStaged moves the replies up to that point behind what has been gathered.
func (c *conn) sendStaged(upTo int) {
	c.out = append(c.out, c.batch.staged[c.batch.sent:upTo]...)
	c.batch.sent = upTo
}
