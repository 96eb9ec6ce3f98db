package wire

import (
	"context"

	"chaisqld/engine"
)

// running is the work of one implicit transaction, as the engine calls it. It
// belongs to the connection, which has one at a time, so that a statement puts
// neither functions nor readers on the heap.
type running struct {
	steps  []step
	done   int
	schema bool

	onReader func(engine.Reader) error
	onWriter func(engine.Writer) error
}

// bind makes the functions that the engine is given, once.
func (x *running) bind(c *conn) {
	x.onReader = func(r engine.Reader) error { return c.runSteps(r, x.steps, &x.done) }
	x.onWriter = func(w engine.Writer) error {
		if len(x.steps) > 1 && !x.schema { // one by itself has the gate's time
			c.meter.BeginTurn(c.server.options.PipelineTime)
			defer c.meter.EndTurn()
		}
		return c.runSteps(w, x.steps, &x.done)
	}
}

func (x *running) read(ctx context.Context, c *conn, steps []step) (done int, err error) {
	x.steps, x.done = steps, 0
	err = c.server.engine.Read(ctx, x.onReader)
	return x.end(), err
}

func (x *running) write(ctx context.Context, c *conn, steps []step, w engine.WriteRequest) (done int, err error) {
	x.steps, x.done, x.schema = steps, 0, w.Schema
	w.Run = x.onWriter
	wait := c.waitForWriter(ctx)
	err = wait.end(c.server.engine.Write(wait.ctx, w))
	return x.end(), err
}

// end lets go of what the engine gave.
func (x *running) end() (done int) {
	x.steps = nil
	return x.done
}
