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
	reader watchedReader
	writer watchedWriter

	onReader func(engine.Reader) error
	onWriter func(engine.Writer) error
}

// bind makes the functions that the engine is given, once.
func (x *running) bind(c *conn) {
	x.onReader = func(r engine.Reader) error {
		x.reader.Reader = r
		return c.runSteps(&x.reader, x.steps, &x.done)
	}
	x.onWriter = func(w engine.Writer) error {
		x.writer.Writer = w
		return c.runSteps(&x.writer, x.steps, &x.done)
	}
}

func (x *running) read(ctx context.Context, c *conn, steps []step) (done int, err error) {
	x.steps, x.done, x.reader.watch = steps, 0, watch{ctx: ctx}
	err = c.server.engine.Read(ctx, x.onReader)
	return x.end(), err
}

func (x *running) write(ctx context.Context, c *conn, steps []step, w engine.WriteRequest) (done int, err error) {
	x.steps, x.done, x.writer.watch = steps, 0, watch{ctx: ctx}
	w.Run = x.onWriter
	err = c.server.engine.Write(ctx, w)
	return x.end(), err
}

// end lets go of what the engine gave.
func (x *running) end() (done int) {
	x.steps, x.reader, x.writer = nil, watchedReader{}, watchedWriter{}
	return x.done
}
