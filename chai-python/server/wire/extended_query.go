package wire

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

// statement is the result of Parse.
type statement struct {
	plan *gate.Plan
}

// portal is a statement with its parameters, and its rows once it ran.
type portal struct {
	name    string
	plan    *gate.Plan
	args    []any
	few     [4]any // args, if there are no more
	formats []int16
	bytes   int // of the parameters, as received

	sql      string // of a simple query, for as long as it has no plan
	offset   int    // characters before it in that query
	simple   bool   // rows are described without being asked
	late     bool   // planned when the change of the schema before it is done
	started  bool
	result   *gate.Result
	position int // rows sent

	suspendable bool // somebody asked for a limited number of rows
}

// errTold is an error that the client has been told of.
var errTold = errors.New("the client has been told")

// extendedQuery handles one of its messages. After an error the rest up to the
// next Sync is skipped.
func (c *conn) extendedQuery(m pgproto3.FrontendMessage) error {
	err := c.extendedMessage(m)
	switch {
	case err == nil || fatal(err):
		return err
	case !errors.Is(err, errTold):
		// Statements that wait come first, and are undone by this error.
		c.batch.add(step{err: err})
		if err := c.settle(true); fatal(err) {
			return err
		}
	}
	c.skipping = true
	return c.flush()
}

func (c *conn) extendedMessage(m pgproto3.FrontendMessage) error {
	if c.batch.fence {
		if err := c.settle(false); err != nil {
			return err
		}
	}
	if _, flush := m.(*pgproto3.Flush); flush {
		if err := c.settle(false); err != nil {
			return err
		}
		c.worked = 0
		return c.flush()
	}
	if err := c.queryMessage(m); err != nil || !c.batch.full() {
		return err
	}
	return c.settle(false)
}

func (c *conn) queryMessage(m pgproto3.FrontendMessage) error {
	switch m := m.(type) {
	case *pgproto3.Parse:
		return c.parse(m)
	case *pgproto3.Bind:
		return c.bind(m)
	case *pgproto3.Describe:
		return c.describe(m)
	case *pgproto3.Execute:
		return c.executePortal(m)
	case *pgproto3.Close:
		return c.closeObject(m)
	}
	return violation("unexpected message %T", m).AsFatal()
}

func (c *conn) parse(m *pgproto3.Parse) error {
	if m.Name != "" && c.statements[m.Name] != nil {
		return pgerr.New(pgerr.DuplicatePreparedStatement, "prepared statement %q already exists", m.Name)
	}
	if len(c.statements) >= c.server.options.MaxStatements && c.statements[m.Name] == nil {
		return pgerr.New(pgerr.ConfigurationLimitExceeded, "too many prepared statements: the limit is %d", c.server.options.MaxStatements).
			WithHint("Close or DEALLOCATE those that are no longer used.")
	}
	plan, err := c.plan(m.Query, m.ParameterOIDs)
	if err != nil {
		return err
	}
	s := &statement{plan: plan}
	if err := c.meter.Hold(s.weight()); err != nil {
		return err
	}
	c.changeStatement(m.Name, s)
	c.sendFixed(parseComplete)
	return nil
}

// plan prepares a statement as far as the transaction's state allows.
func (c *conn) plan(sql string, declared []uint32) (*gate.Plan, error) {
	if !utf8.ValidString(sql) {
		return nil, invalidUTF8([]byte(sql))
	}
	plan, err := c.prepare(sql, declared)
	if !c.tx.failed {
		return plan, err
	}
	switch {
	case err != nil && sqlstate(err) == pgerr.SyntaxError:
		return nil, err
	case err != nil || !(endsTransaction(plan.Verb) || plan.Verb == gate.Empty):
		return nil, engine.ErrFailedTransaction
	}
	return plan, nil
}

// prepare waits for a place among long reads where it would take as long. Those
// who have the writer wait for nobody else.
func (c *conn) prepare(sql string, declared []uint32) (*gate.Plan, error) {
	catalogue := c.catalogue()
	if c.tx.lease == nil && c.server.gate.TakesLong(sql, declared, catalogue) {
		ctx := c.beginWork()
		defer c.endWork()
		if err := c.meter.EnterLane(); err != nil {
			return nil, whyCanceled(ctx, err)
		}
	}
	return c.server.gate.Prepare(sql, declared, catalogue)
}

func (c *conn) bind(m *pgproto3.Bind) error {
	s := c.statements[m.PreparedStatement]
	if s == nil {
		return noSuchStatement(m.PreparedStatement)
	}
	if c.tx.failed && !endsTransaction(s.plan.Verb) && s.plan.Verb != gate.Empty {
		return engine.ErrFailedTransaction
	}
	if m.DestinationPortal != "" && c.portals[m.DestinationPortal] != nil {
		return pgerr.New(pgerr.DuplicateCursor, "portal %q already exists", m.DestinationPortal)
	}
	if len(c.portals) >= c.server.options.MaxPortals && c.portals[m.DestinationPortal] == nil {
		return pgerr.New(pgerr.ConfigurationLimitExceeded, "too many open portals: the limit is %d", c.server.options.MaxPortals)
	}
	if err := checkFormats(m, s); err != nil {
		return err
	}
	p := &portal{name: m.DestinationPortal, plan: s.plan, formats: m.ResultFormatCodes}
	if err := p.bindParameters(m, s); err != nil {
		return err
	}
	if err := c.hold(p); err != nil {
		return err
	}
	c.portals[m.DestinationPortal] = p
	c.sendFixed(bindComplete)
	return nil
}

func checkFormats(m *pgproto3.Bind, s *statement) error {
	if n := len(m.ParameterFormatCodes); n > 1 && n != len(m.Parameters) {
		return violation("bind message has %d parameter formats but %d parameters", n, len(m.Parameters))
	}
	if len(m.Parameters) != len(s.plan.Params) {
		return violation("bind message supplies %d parameters, but prepared statement %q requires %d", len(m.Parameters), m.PreparedStatement, len(s.plan.Params))
	}
	if n := len(m.ResultFormatCodes); n > 1 && n != len(s.plan.Columns) {
		return violation("bind message has %d result formats but query has %d columns", n, len(s.plan.Columns))
	}
	for _, codes := range [][]int16{m.ParameterFormatCodes, m.ResultFormatCodes} {
		for _, code := range codes {
			if code != pgproto3.TextFormat && code != pgproto3.BinaryFormat {
				return pgerr.New(pgerr.InvalidParameterValue, "unsupported format code: %d", code)
			}
		}
	}
	return nil
}

// bindParameters copies the values out of the message, whose bytes do not last.
func (p *portal) bindParameters(m *pgproto3.Bind, s *statement) error {
	if len(m.Parameters) == 0 {
		return nil
	}
	if p.args = p.few[:]; len(m.Parameters) > len(p.few) {
		p.args = make([]any, len(m.Parameters))
	}
	p.args = p.args[:len(m.Parameters)]
	for i, raw := range m.Parameters {
		if raw == nil {
			continue
		}
		value, err := decode(s.plan.Params[i], formatOf(m.ParameterFormatCodes, i), raw)
		if err != nil {
			return asError(err).WithDetail("Parameter $" + strconv.Itoa(i+1) + ".")
		}
		p.args[i] = value
		p.bytes += len(raw)
	}
	return nil
}

// describe answers with the types of parameters and columns. Those of a
// statement come in text format, since its portal is yet to choose.
func (c *conn) describe(m *pgproto3.Describe) error {
	var plan *gate.Plan
	var formats []int16
	switch m.ObjectType {
	case 'S':
		s := c.statements[m.Name]
		if s == nil {
			return noSuchStatement(m.Name)
		}
		c.send(parameterDescription(s.plan.Params))
		plan = s.plan
	case 'P':
		p := c.portals[m.Name]
		if p == nil {
			return noSuchPortal(m.Name)
		}
		plan, formats = p.plan, p.formats
	default:
		return violation("invalid DESCRIBE message subtype %d", m.ObjectType)
	}
	if plan.Columns == nil {
		c.sendFixed(noData)
		return nil
	}
	if c.tx.failed {
		return engine.ErrFailedTransaction
	}
	buffer := c.replies()
	*buffer = appendRowDescription(*buffer, plan.Columns, formats)
	return nil
}

func parameterDescription(params []gate.Type) *pgproto3.ParameterDescription {
	oids := make([]uint32, len(params))
	for i, t := range params {
		oids[i] = t.OID
	}
	return &pgproto3.ParameterDescription{ParameterOIDs: oids}
}

// executePortal leaves the work to the next Sync or Flush, or to when the batch is full.
func (c *conn) executePortal(m *pgproto3.Execute) error {
	p := c.portals[m.Portal]
	if p == nil {
		return noSuchPortal(m.Portal)
	}
	c.batch.add(step{portal: p, maxRows: max(int(int32(m.MaxRows)), 0)})
	return nil
}

// closeObject is no error when there is nothing to close.
func (c *conn) closeObject(m *pgproto3.Close) error {
	switch m.ObjectType {
	case 'S':
		c.changeStatement(m.Name, nil)
	case 'P':
		delete(c.portals, m.Name)
	default:
		return violation("invalid CLOSE message subtype %d", m.ObjectType)
	}
	c.sendFixed(closeComplete)
	return nil
}

// changeStatement sets or, with nil, removes a prepared statement. An error of
// a statement that waits takes it back.
func (c *conn) changeStatement(name string, s *statement) {
	if c.batch.pending() {
		c.batch.undo = append(c.batch.undo, undo{len(c.batch.steps), name, c.statements[name]})
	}
	c.putStatement(name, s)
}

func (c *conn) putStatement(name string, s *statement) {
	c.statementBytes += s.weight() - c.statements[name].weight()
	if s == nil {
		delete(c.statements, name)
		return
	}
	c.statements[name] = s
}

func (c *conn) forgetStatements() {
	clear(c.statements)
	c.statementBytes = 0
}

// sync ends the batch and the implicit transaction.
func (c *conn) sync() error {
	var err error
	if !c.skipping {
		err = c.settle(true)
	}
	c.skipping = false
	return c.endOfQuery(err)
}

func noSuchStatement(name string) error {
	if name == "" {
		return pgerr.New(pgerr.InvalidSQLStatementName, "unnamed prepared statement does not exist")
	}
	return pgerr.New(pgerr.InvalidSQLStatementName, "prepared statement %q does not exist", name)
}

func noSuchPortal(name string) error {
	return pgerr.New(pgerr.InvalidCursorName, "portal %q does not exist", name)
}
