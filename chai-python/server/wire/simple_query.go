package wire

import (
	"errors"
	"strings"
	"unicode/utf8"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// simpleQuery runs the statements of one string: an implicit transaction, as
// far as the string does not say BEGIN or COMMIT (manual, 55.2.2.1).
func (c *conn) simpleQuery(sql string) error {
	if err := c.settle(false); err != nil { // of an extended query without its Sync
		if fatal(err) {
			return err
		}
		c.skipping = true
		return c.flush()
	}
	c.putStatement("", nil)
	delete(c.portals, "")
	c.stageSimple(sql)
	return c.endOfQuery(c.settle(true))
}

// simpleFailure answers a message that stands for itself with an error.
func (c *conn) simpleFailure(err error) error {
	c.batch.add(step{err: err})
	return c.endOfQuery(c.settle(true))
}

// stageSimple queues the statements of a string. Nothing of it runs when any
// of it cannot be parsed; any other error has its turn after what precedes it.
func (c *conn) stageSimple(sql string) {
	texts, err := c.splitSimple(sql)
	if err != nil {
		c.batch.add(step{err: err})
		return
	}
	if len(texts) == 0 {
		c.sendFixed(emptyQuery)
	}
	rest := 0
	for _, text := range texts {
		at := strings.Index(sql[rest:], text) + rest
		rest = at + len(text)
		p := &portal{sql: text, simple: true, offset: utf8.RuneCountInString(sql[:at])}
		err := c.planSimple(p)
		if err != nil && sqlstate(err) == pgerr.SyntaxError {
			c.batch.reset()
			c.batch.add(step{err: err})
			return
		}
		if err != nil && !c.batch.fence { // no earlier statement can make it right
			c.batch.add(step{err: err})
			return
		}
		c.batch.add(step{portal: p})
	}
}

func (c *conn) splitSimple(sql string) ([]string, error) {
	if !utf8.ValidString(sql) {
		return nil, invalidUTF8([]byte(sql))
	}
	return c.server.gate.Split(sql)
}

func (c *conn) planSimple(p *portal) error {
	plan, err := c.plan(p.sql, nil)
	return p.planned(plan, err)
}

// planLate plans a statement that follows a change of the schema.
func (c *conn) planLate(p *portal, catalogue *engine.Catalogue) error {
	plan, err := c.server.gate.Prepare(p.sql, nil, catalogue)
	return p.planned(plan, err)
}

func (p *portal) planned(plan *gate.Plan, err error) error {
	if err != nil {
		return shifted(err, p.offset)
	}
	if len(plan.Params) > 0 {
		return pgerr.New(pgerr.UndefinedParameter, "there is no parameter $1").WithHint("A simple query has no parameters.")
	}
	p.plan = plan
	return nil
}

// shifted moves an error's position by the characters before its statement.
func shifted(err error, offset int) error {
	if e := (*pgerr.Error)(nil); offset > 0 && errors.As(err, &e) && e.Position > 0 {
		return e.At(e.Position + offset)
	}
	return err
}

// endOfQuery ends an implicit transaction and tells the client that it is its
// turn. err is the query's, of which the client knows unless it is fatal.
func (c *conn) endOfQuery(err error) error {
	if fatal(err) {
		return err
	}
	if !c.tx.explicit {
		if err := c.commit(); err != nil {
			if fatal(err) {
				return err
			}
			c.send(errorResponse(asError(err)))
		}
	}
	c.worked = 0
	c.reportSettings()
	c.readyForQuery()
	return c.flush()
}
