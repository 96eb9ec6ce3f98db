package differential

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	statements = flag.Int("statements", 2500, "how many statements to compare, at least")
	seed       = flag.Uint64("seed", 1, "seed of the first table; each further one has the next")
	verbose    = flag.Bool("differences", false, "show the differences that may be")
	failures   = flag.Int("failures", 10, "after how many differences to give up")
)

// perTable is how many statements one table sees.
const perTable = 80

// acceptedShare is the least share of statements, in percent, that both servers must have carried out, or refused with one
// SQLSTATE: a comparison of refusals would show nothing.
const acceptedShare = 85

// run is a comparison under way.
type comparison struct {
	*testing.T
	ours, theirs *pgconn.PgConn
	seed         uint64
	table        *table
	random       *rand.Rand
	counts       map[string]int
	total        int
	failed       int
}

func TestStatementsAgree(t *testing.T) {
	theirs := startPostgres(t)
	c := &comparison{T: t, ours: connect(t, startChaisqld(t)), theirs: connect(t, theirs), counts: map[string]int{}}
	for c.seed = *seed; c.total < *statements && c.failed < *failures; c.seed++ {
		c.round()
	}
	t.Logf("%d statements on %d tables, seeds %d to %d: %d the same, of them %d errors", c.total, c.seed-*seed, *seed, c.seed-1, c.counts["same"]+c.counts["error"], c.counts["error"])
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		t.Logf("%6d %s", c.counts[name], name)
	}
	if share := 100 * (c.counts["same"] + c.counts["error"]) / max(c.total, 1); share < acceptedShare {
		t.Errorf("only %d %% of the statements were compared in full, at least %d %% should be", share, acceptedShare)
	}
}

// round compares the statements about one table.
func (c *comparison) round() {
	c.random = rand.New(rand.NewPCG(c.seed, 0))
	c.table = makeTable(c.random)
	c.rebuild()
	for range perTable {
		if c.total >= *statements && *statements > 1 || c.failed >= *failures {
			break
		}
		c.compare(makeStatement(c.random, c.table))
	}
	c.empty()
}

// rebuild makes the table anew on both sides.
func (c *comparison) rebuild() {
	c.empty()
	for _, sql := range c.table.create() {
		c.both(sql)
	}
	for range c.random.IntN(12) {
		if sql := c.table.fill(c.random); ask(c.ours, &statement{sql: sql}).code == "" {
			c.both(sql)
		}
	}
}

// empty drops what is there, whatever a statement may have called it.
func (c *comparison) empty() {
	for _, server := range []*pgconn.PgConn{c.ours, c.theirs} {
		tables := c.must(server, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
		for _, row := range tables.rows {
			c.must(server, `DROP TABLE "`+string(row[0])+`"`)
		}
	}
}

// both runs a statement that must succeed.
func (c *comparison) both(sql string) {
	c.Helper()
	c.must(c.ours, sql)
	c.must(c.theirs, sql)
}

func (c *comparison) must(server *pgconn.PgConn, sql string) outcome {
	c.Helper()
	o := ask(server, &statement{sql: sql})
	if o.code != "" {
		c.Fatalf("seed %d: %s\n%s", c.seed, sql, o)
	}
	return o
}

// compare runs a statement on both. PostgreSQL keeps nothing of what this server refused.
func (c *comparison) compare(s *statement) {
	c.total++
	var before outcome
	if s.writes || s.mutated {
		before = c.state()
	}
	ours := ask(c.ours, s)
	undo := ours.code != "" && (s.writes || s.mutated)
	if undo {
		ask(c.theirs, &statement{sql: "BEGIN"})
	}
	theirs := ask(c.theirs, s)
	if c.ours.IsClosed() || c.theirs.IsClosed() {
		c.report("lost connection", s, before, ours, theirs)
		c.FailNow()
	}
	if undo {
		ask(c.theirs, &statement{sql: "ROLLBACK"})
	}
	same := agree(s, ours, theirs)
	name := ""
	switch {
	case same && ours.code == "":
		name = "same"
	case same:
		name = "error"
	default:
		name = explain(s, ours, theirs)
		if *verbose && name != "" {
			c.Logf("%s: %s: %s | %s", name, s.sql, ours, theirs)
		}
	}
	if name == "" {
		c.report("difference", s, before, ours, theirs)
	} else {
		c.counts[name]++
	}
	switch {
	case !s.writes && !s.mutated:
	case !same && ours.code == "":
		c.rebuild()
	case ours.code == "" && !(s.mutated && strings.Contains(strings.ToUpper(s.sql), "LIMIT")): // which may say other rows than meant
		c.compareStates(s, before)
	case ours.code == "":
		c.rebuild()
	}
}

const everything = "SELECT * FROM t ORDER BY "

func (c *comparison) state() outcome {
	return ask(c.theirs, &statement{sql: everything + c.table.columns[c.table.key].name})
}

func (c *comparison) compareStates(s *statement, before outcome) {
	all := &statement{sql: everything + c.table.columns[c.table.key].name, ordered: true}
	ours, theirs := ask(c.ours, all), c.state()
	if !agree(all, ours, theirs) {
		c.report("other rows afterwards", s, before, ours, theirs)
		c.rebuild()
	}
}

func (c *comparison) report(what string, s *statement, before, ours, theirs outcome) {
	c.failed++
	var params strings.Builder
	for i, p := range s.params {
		value := fmt.Sprintf("%q", p.value)
		if p.value == nil {
			value = "NULL"
		}
		fmt.Fprintf(&params, "\n    $%d = %s (type %d, format %d)", i+1, value, p.oid, p.format)
	}
	c.Errorf("%s, seed %d\n    %s\n  mode %d%s\n  chaisqld:   %s\n  PostgreSQL: %s\n  %s\n  %s", what, c.seed, s.sql, s.mode, &params, ours, theirs,
		strings.Join(c.table.create(), "; "), before)
}
