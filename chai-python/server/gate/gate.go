package gate

import (
	"slices"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// Gate prepares statements. It is safe for concurrent use; its only state is a bounded cache of plans.
type Gate struct {
	limits   Limits
	identity Identity
	cache    planCache
}

// Identity is what the session information functions answer.
type Identity struct {
	Version  string // version()
	Database string // current_database()
	User     string // current_user, session_user
}

// New returns a Gate. Zero fields of limits take their documented defaults.
func New(limits Limits) *Gate {
	limits = limits.withDefaults()
	return &Gate{
		limits:   limits,
		identity: Identity{Version: "PostgreSQL 15.0 (chaisqld)", Database: "chai", User: "chai"},
		cache:    newPlanCache(limits),
	}
}

// WithIdentity returns a Gate that answers the session information functions with id; empty fields keep their defaults.
func (g *Gate) WithIdentity(id Identity) *Gate {
	merged := g.identity
	if id.Version != "" {
		merged.Version = id.Version
	}
	if id.Database != "" {
		merged.Database = id.Database
	}
	if id.User != "" {
		merged.User = id.User
	}
	return &Gate{limits: g.limits, identity: merged, cache: newPlanCache(g.limits)}
}

// Split cuts the text of a simple query into its statements at top-level semicolons, respecting quotes and comments.
// Statements that are empty or only comments are left out; an empty string gives none.
func (g *Gate) Split(sql string) ([]string, error) {
	if err := g.limits.checkText(sql); err != nil {
		return nil, err
	}
	return syntax.Split(sql, g.limits.Nesting)
}

// longText is how many bytes a text has that may take more than a millisecond to plan.
const longText = 2 << 10

// TakesLong tells whether Prepare, given the same, would take long.
func (g *Gate) TakesLong(sql string, declared []uint32, c *engine.Catalogue) bool {
	return len(sql) > longText && len(sql) <= g.limits.TextBytes && g.cache.get(keyFor(sql, declared, c.Version)) == nil
}

// Prepare parses, checks and plans one statement against the catalogue c. declared are the parameter type OIDs that the
// client named, 0 where it left the type open. Errors are *pgerr.Error with SQLSTATE and, where it is known, a position.
func (g *Gate) Prepare(sql string, declared []uint32, c *engine.Catalogue) (*Plan, error) {
	if err := g.limits.checkText(sql); err != nil {
		return nil, err
	}
	key := keyFor(sql, declared, c.Version)
	if p := g.cache.get(key); p != nil {
		return p, nil
	}
	p, err := g.prepare(sql, declared, c)
	if err != nil {
		if p, err = g.explained(sql, declared, err); err != nil {
			return nil, err
		}
	}
	p.gate, p.sql, p.declared, p.version = g, sql, slices.Clone(declared), c.Version
	g.cache.put(key, p)
	return p, nil
}

func (g *Gate) prepare(sql string, declared []uint32, c *engine.Catalogue) (*Plan, error) {
	statement, err := syntax.Parse(sql, g.limits.Nesting)
	if err != nil {
		return nil, err
	}
	params, err := declaredTypes(declared, g.limits)
	if err != nil {
		return nil, err
	}
	b := &binder{sql: sql, limits: g.limits, identity: g.identity, catalogue: c, params: params}
	p, err := b.plan(statement)
	if err != nil {
		return nil, err
	}
	p.besides = b.repeated + b.cells
	p.Params, err = b.finish()
	return p, err
}

// plan plans one statement; nil is an empty one.
func (b *binder) plan(statement syntax.Statement) (*Plan, error) {
	switch s := statement.(type) {
	case *syntax.Select:
		if call := maintenanceCall(s); call != nil {
			return b.maintenancePlan(call, s.Items[0].Alias)
		}
		p, err := b.selectPlan(s)
		if err != nil {
			return nil, err
		}
		plan := &Plan{Verb: Select, Access: Read, Columns: columnsOf(p.items), run: p}
		if !p.reads() {
			plan.Access = None
		}
		return plan, nil
	case *syntax.Insert:
		p, err := b.insertPlan(s)
		if err != nil {
			return nil, err
		}
		if p.query != nil {
			return writePlan(Insert, insertQuery{p}, p.returning), nil
		}
		return writePlan(Insert, p, p.returning), nil
	case *syntax.Update:
		p, err := b.updatePlan(s)
		if err != nil {
			return nil, err
		}
		return writePlan(Update, p, p.returning), nil
	case *syntax.Delete:
		p, err := b.deletePlan(s)
		if err != nil {
			return nil, err
		}
		return writePlan(Delete, p, p.returning), nil
	case *syntax.Explain:
		return b.explainPlan(s)
	case *syntax.Session:
		return sessionPlan(s), nil
	case nil:
		return &Plan{Verb: Empty}, nil
	}
	return b.schemaPlan(statement)
}

func writePlan(verb Verb, run executor, returning []outputItem) *Plan {
	p := &Plan{Verb: verb, Access: Write, run: run}
	if returning != nil {
		p.Columns = columnsOf(returning)
	}
	return p
}

func (b *binder) schemaPlan(statement syntax.Statement) (*Plan, error) {
	switch s := statement.(type) {
	case *syntax.CreateTable:
		p, err := b.createTablePlan(s)
		return &Plan{Verb: CreateTable, Access: Schema, run: p}, err
	case *syntax.CreateIndex:
		p, err := b.createIndexPlan(s)
		return &Plan{Verb: CreateIndex, Access: Schema, run: p}, err
	case *syntax.Truncate:
		return &Plan{Verb: Truncate, Access: Schema, run: &truncatePlan{b, s}}, nil
	case *syntax.Drop:
		if s.Index {
			return &Plan{Verb: DropIndex, Access: Schema, run: &dropPlan{b, s, "DROP INDEX"}}, nil
		}
		return &Plan{Verb: DropTable, Access: Schema, run: &dropPlan{b, s, "DROP TABLE"}}, nil
	}
	return nil, pgerr.New(pgerr.InternalError, "no plan for %T", statement)
}
