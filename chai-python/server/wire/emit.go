package wire

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"chaisqld/gate"
	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

// emit gathers the replies of a step that ran: rows, then how it ended.
func (c *conn) emit(s *step) error {
	p := s.portal
	if p.plan.Verb == gate.Empty {
		c.out = append(c.out, emptyQuery...)
		return nil
	}
	if p.simple && p.plan.Columns != nil {
		c.out = appendRowDescription(c.out, p.plan.Columns, nil)
	}
	if s.fresh {
		for _, text := range p.result.Notices {
			c.notify("NOTICE", noticeCode(p.plan.Verb), text)
		}
	}
	rows, suspended := p.take(s.maxRows)
	if err := c.emitRows(p, rows); err != nil {
		return err
	}
	if suspended {
		c.out = append(c.out, portalSuspended...)
		return nil
	}
	tag := p.result.Tag
	if p.plan.Verb == gate.Select {
		tag = "SELECT " + strconv.Itoa(len(rows))
	}
	c.out = appendCommandComplete(c.out, tag)
	return nil
}

// take gives the next rows, at most limit unless that is 0. Like PostgreSQL, it
// does not look whether there are more when the limit is just reached.
func (p *portal) take(limit int) (rows [][]any, suspended bool) {
	rows = p.result.Rows[p.position:]
	if limit > 0 && len(rows) >= limit {
		rows, suspended = rows[:limit], true
	}
	p.position += len(rows)
	return rows, suspended
}

// emitRows sends large results in parts, so that no buffer holds them twice.
func (c *conn) emitRows(p *portal, rows [][]any) error {
	for _, row := range rows {
		var err error
		if c.out, err = appendDataRow(c.out, p.plan.Columns, p.formats, row); err != nil {
			return err
		}
		if len(c.out) > sendAhead {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// notify tells the client something that is no error.
func (c *conn) notify(severity, code, message string) {
	if !c.settings.silences(severity) {
		c.out = appendMessage(c.out, notice(severity, code, message))
	}
}

func noticeCode(v gate.Verb) string {
	switch v {
	case gate.CreateTable, gate.CreateIndex:
		return pgerr.DuplicateTable
	}
	return successfulCompletion
}

const successfulCompletion = "00000"

// appendMessage encodes a message. Only impossible sizes fail, and all of ours
// are limited.
func appendMessage(dst []byte, m pgproto3.BackendMessage) []byte {
	b, err := m.Encode(dst)
	if err != nil {
		panic(fmt.Errorf("cannot encode %T: %w", m, err))
	}
	return b
}

// stepFailed reports the error of the i-th pending step, takes back what came
// after it, and aborts the transaction.
func (c *conn) stepFailed(i int, err error) error {
	if fatal(err) {
		return err
	}
	c.sendStaged(c.batch.steps[i].staged)
	for _, u := range slices.Backward(c.batch.undo) {
		if u.steps > i {
			c.putStatement(u.name, u.statement)
		}
	}
	c.batch.reset()
	c.abort()
	e := asError(err)
	c.log.Debug("statement failed", "code", e.Code)
	if e.Code == pgerr.InternalError {
		c.log.Error("internal error", "type", fmt.Sprintf("%T", e.Cause))
	}
	c.send(errorResponse(e))
	return errTold
}

// fatal reports whether an error ends the connection.
func fatal(err error) bool {
	if err == nil || errors.Is(err, errTold) {
		return false
	}
	return errors.Is(err, errOver) || asError(err).Fatal
}
