package wire

import "context"

// What a connection holds in memory, and how long its statements take.

// smallParameters are not worth counting.
const smallParameters = 4 << 10

// hold counts the parameters of a portal that was bound.
func (c *conn) hold(p *portal) error {
	if p.bytes < smallParameters {
		return nil
	}
	return c.meter.Hold(p.bytes)
}

// settleMemory lets go of what portals held that are no longer there.
func (c *conn) settleMemory() {
	if c.meter.Held() == c.statementBytes {
		return
	}
	total := c.statementBytes
	for _, p := range c.portals {
		if p.bytes >= smallParameters {
			total += p.bytes
		}
		if p.result != nil {
			total += p.result.Bytes
		}
	}
	c.meter.Settle(total)
}

func (s *statement) weight() int {
	if s == nil {
		return 0
	}
	return s.plan.Weight()
}

// beginWork opens a time in which statements run: what is left of that of the
// round trip. The caller calls endWork.
func (c *conn) beginWork() context.Context {
	ctx := c.cancel.begin(max(c.timeout()-c.worked, 1))
	c.meter.Begin(ctx)
	return ctx
}

func (c *conn) endWork() {
	c.meter.End()
	c.worked += c.cancel.end()
}
