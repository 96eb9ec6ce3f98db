package gate

import (
	"slices"
	"strconv"
	"time"

	"chaisqld/engine"
	"chaisqld/pgerr"
)

// Verb names the kind of a statement.
type Verb uint8

// The verbs. Those from Begin on are answered by the session (package wire), except where Access says otherwise.
const (
	Empty Verb = iota
	Select
	Insert
	Update
	Delete
	CreateTable
	CreateIndex
	DropTable
	DropIndex
	Truncate
	Begin
	Commit
	Rollback
	Set
	Reset
	Show
	Discard
	Deallocate
	Maintain
	Explain
)

// Access says what a plan needs in order to run.
type Access uint8

const (
	None   Access = iota // no database at all: Run may be given a nil Reader (SELECT without FROM), or the verb is the session's
	Read                 // an engine.Reader
	Write                // an engine.Writer
	Schema               // an engine.Writer in a transaction of its own
)

// Column describes one column of a result.
type Column struct {
	Name string
	Type Type
}

// Plan is one statement, ready to run any number of times, by several goroutines at once.
type Plan struct {
	Verb    Verb
	Access  Access
	Params  []Type   // what ParameterDescription says and what Bind converts to
	Columns []Column // nil: no row description
	Session any      // BeginOptions, EndOptions, SetOption, ResetOption, ShowOption, DiscardOption, DeallocateOption, MaintenanceOption or nil
	// Tag is the command tag of a verb that the session answers ("BEGIN", "SET", …). For all others see Result.Tag.
	Tag string

	gate     *Gate
	sql      string
	declared []uint32
	version  uint64
	besides  int // nodes that are not in the text
	run      executor
}

// executor does a statement's work. It holds no state between runs.
type executor interface {
	execute(x *execution) (*Result, error)
	bytes(args []any) int
}

// execution is what one run of a plan needs.
type execution struct {
	reader engine.Reader
	scope  scope
	limits Limits
	meter  *Meter
}

func (x *execution) writer() (engine.Writer, error) {
	if w, ok := x.reader.(engine.Writer); ok {
		return w, nil
	}
	return nil, pgerr.New(pgerr.ReadOnlySQLTransaction, "cannot write in a read-only transaction")
}

// BeginOptions details BEGIN and START TRANSACTION.
type BeginOptions struct {
	ReadOnly  bool
	Isolation string // "" not said, or "read uncommitted", "read committed", "repeatable read", "serializable"
}

// EndOptions details COMMIT and ROLLBACK.
type EndOptions struct {
	Chain bool // AND CHAIN: a new transaction with the same options begins at once
}

// SetOption details SET. Name is lower case; SET TIME ZONE is "timezone", SET NAMES "client_encoding",
// SET TRANSACTION "transaction_isolation" or "transaction_read_only", SET SESSION CHARACTERISTICS the same after "default_".
type SetOption struct {
	Name    string
	Values  []string // as written, quotes removed; nil and Default set for DEFAULT
	Default bool
	Local   bool // SET LOCAL: until the transaction ends
}

// ResetOption details RESET; Name "" is ALL.
type ResetOption struct{ Name string }

// ShowOption details SHOW; Name "" is ALL.
type ShowOption struct{ Name string }

// DiscardOption details DISCARD: "all", "plans", "sequences" or "temporary"; and what is as empty, CLOSE ALL ("cursors") and
// UNLISTEN * ("listeners").
type DiscardOption struct{ What string }

// DeallocateOption details DEALLOCATE; Name "" is ALL.
type DeallocateOption struct{ Name string }

// Result is what one run produced.
type Result struct {
	Tag     string   // command tag: "INSERT 0 1", "SELECT 3", …
	Rows    [][]any  // values by the plan's Columns: nil, bool, int64, float64, string, []byte, time.Time
	Notices []string // what PostgreSQL tells as NOTICEs, such as `relation "x" already exists, skipping`
	Bytes   int      // what it holds on the Meter; 0 for little
}

// tags are a command's tags for no row and for one, which are nearly all that is needed.
type tags [2]string

var (
	selectTags = tags{"SELECT 0", "SELECT 1"}
	insertTags = tags{"INSERT 0 0", "INSERT 0 1"}
	updateTags = tags{"UPDATE 0", "UPDATE 1"}
)

// of is the tag for n rows.
func (t *tags) of(n int) string {
	if n < len(t) {
		return t[n]
	}
	return t[0][:len(t[0])-1] + strconv.Itoa(n)
}

// Run executes the plan. r is an engine.Writer where Access is Write or Schema. args are Go values by Params; now is the
// start of the transaction. When the catalogue changed since Prepare, the statement is planned anew; if its parameters or
// columns are then others, Run fails with 0A000. What the result holds is on the Meter until the caller settles that.
func (p *Plan) Run(r engine.Reader, args []any, now time.Time, m *Meter) (*Result, error) {
	if len(args) != len(p.Params) {
		return nil, wrongArguments(len(p.Params), len(args))
	}
	if p.run == nil {
		return &Result{Tag: p.Tag}, nil
	}
	current, err := p.current(r)
	if err != nil {
		return nil, err
	}
	return current.measured(r, args, now, m, current.run.execute)
}

// measured does a statement's work under the Meter.
func (p *Plan) measured(r engine.Reader, args []any, now time.Time, m *Meter, do func(*execution) (*Result, error)) (*Result, error) {
	x, err := p.execution(r, args, now, m)
	if err != nil {
		return nil, err
	}
	defer m.forget()
	if _, writes := r.(engine.Writer); writes && p.Access != Schema && m.turn.IsZero() {
		m.BeginTurn(x.limits.WriteTime)
		defer m.EndTurn()
	}
	result, err := do(x)
	if err != nil {
		return nil, err
	}
	result.Bytes = m.statement.charged
	return result, nil
}

// execution prepares one run.
func (p *Plan) execution(r engine.Reader, args []any, now time.Time, m *Meter) (*execution, error) {
	values, err := bindArguments(p.Params, args)
	if err != nil {
		return nil, err
	}
	m.statement = usage{limit: p.gate.limits.ResultBytes}
	return &execution{reader: r, scope: scope{args: values, now: microseconds(now), meter: m}, limits: p.gate.limits, meter: m}, nil
}

func wrongArguments(wanted, given int) error {
	return pgerr.New(pgerr.ProtocolViolation, "statement has %d parameters, but %d values were given", wanted, given)
}

// current is the plan for the catalogue that r sees.
func (p *Plan) current(r engine.Reader) (*Plan, error) {
	if p.Access == None || p.Access == Schema || r.Catalogue().Version == p.version {
		return p, nil
	}
	fresh, err := p.gate.Prepare(p.sql, p.declared, r.Catalogue())
	if err != nil {
		return nil, err
	}
	if !slices.Equal(fresh.Params, p.Params) || !slices.Equal(fresh.Columns, p.Columns) {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "cached plan must not change result type").
			WithHint("Prepare the statement again: a table that it names was changed.")
	}
	return fresh, nil
}

// Bytes estimates the keys and values that a run with args writes, for the group commit.
func (p *Plan) Bytes(args []any) int {
	if p.run == nil {
		return 0
	}
	return p.run.bytes(args)
}

// Weight estimates the memory that the plan takes: expressions grow with the text, and * with the table.
func (p *Plan) Weight() int {
	const fixed, perByte, perColumn, perNode = 512, 64, 192, 96
	return fixed + perByte*len(p.sql) + perColumn*len(p.Columns) + perNode*p.besides
}

// Frees tells whether a run only takes out what is stored.
func (p *Plan) Frees() bool {
	return p.Verb == Delete || p.Verb == DropTable || p.Verb == DropIndex || p.Verb == Truncate
}

// argumentBytes is what arguments weigh, with an allowance for keys and index entries.
func argumentBytes(args []any) int {
	const allowance = 64
	total := allowance
	for _, v := range args {
		total += sizeOf(v)
	}
	return total
}
