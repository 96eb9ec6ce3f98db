package gate_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// catalogueReader has a catalogue, and no rows.
type catalogueReader struct {
	engine.Reader
	catalogue *engine.Catalogue
}

func (r catalogueReader) Catalogue() *engine.Catalogue { return r.catalogue }
func (r catalogueReader) Query(string, []any, func([]any) error) error {
	return pgerr.New(pgerr.IOError, "there are no rows")
}
func (r catalogueReader) Get(*engine.Table, any) ([]any, error) { return nil, nil }

// psqlQueries are what psql 15 asks for its commands, and what other versions ask differently.
func psqlQueries(tb testing.TB) []string {
	text, err := os.ReadFile("../testdata/psql.sql")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// ask runs one query on a catalogue.
func ask(c *engine.Catalogue, m *gate.Meter, sql string) (*gate.Plan, *gate.Result, error) {
	p, err := gate.New(gate.Limits{}).Prepare(sql, nil, c)
	if err != nil {
		return nil, nil, err
	}
	r, err := p.Run(catalogueReader{catalogue: c}, nil, testNow, m)
	return p, r, err
}

func mustAsk(t testing.TB, c *engine.Catalogue, sql string) *gate.Result {
	t.Helper()
	_, r, err := ask(c, new(gate.Meter), sql)
	if err != nil {
		t.Fatalf("%s: %s", sql, describe(err))
	}
	return r
}

func TestWhatPsqlAsksIsAnswered(t *testing.T) {
	c := testCatalogue(1)
	for _, sql := range psqlQueries(t) {
		p, r, err := ask(c, new(gate.Meter), sql)
		if err != nil {
			t.Errorf("%s:\n%s", sql, describe(err))
			continue
		}
		if r.Tag != fmt.Sprintf("SELECT %d", len(r.Rows)) {
			t.Errorf("%s: tag %q of %d rows", sql, r.Tag, len(r.Rows))
		}
		for _, row := range r.Rows {
			if len(row) != len(p.Columns) {
				t.Errorf("%s: row %v of columns %v", sql, row, p.Columns)
			}
			for i, v := range row {
				if v == nil {
					continue
				}
				if _, err := gate.AppendText(nil, p.Columns[i].Type, v); err != nil {
					t.Errorf("%s: column %q: %v", sql, p.Columns[i].Name, err)
				}
			}
		}
	}
}

func TestRelationsAreDescribed(t *testing.T) {
	c := testCatalogue(1)
	const find = `SELECT c.oid, c.relkind FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) '^(%s)$' COLLATE pg_catalog.default`
	const columns = `SELECT a.attname AS "Column", pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
		(SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef)
		FROM pg_catalog.pg_attribute a WHERE a.attrelid = '%d' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`
	const indexes = `SELECT c2.relname, i.indisprimary, i.indisunique, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(con.oid, true)
		FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i
		LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x'))
		WHERE c.oid = '%d' AND c.oid = i.indrelid AND i.indexrelid = c2.oid ORDER BY i.indisprimary DESC, c2.relname`
	for _, test := range []struct{ name, kind, columns, indexes string }{
		{"pair", "r", "[[a text true <nil>] [b text true <nil>]]",
			"[[pair_pkey true true CREATE UNIQUE INDEX pair_pkey ON public.pair USING btree (a, b) PRIMARY KEY (a, b)]]"},
		{"uniq", "r", "[[a text true <nil>] [b text false <nil>]]",
			"[[uniq_pkey true true CREATE UNIQUE INDEX uniq_pkey ON public.uniq USING btree (a) PRIMARY KEY (a)] " +
				"[uniq_b false true CREATE UNIQUE INDEX uniq_b ON public.uniq USING btree (b) <nil>]]"},
		{"t_ts_idx", "i", "[[ts timestamp without time zone false <nil>]]", "[]"},
		{"t", "r", "[[k text true <nil>] [i integer false <nil>] [b bigint false <nil>] [d double precision false <nil>] [y bytea true <nil>] " +
			"[ts timestamp without time zone false <nil>] [o boolean false <nil>] [Mixed text false 'x']]",
			"[[t_pkey true true CREATE UNIQUE INDEX t_pkey ON public.t USING btree (k) PRIMARY KEY (k)] " +
				"[t_ts_idx false false CREATE INDEX t_ts_idx ON public.t USING btree (ts) <nil>]]"},
	} {
		found := mustAsk(t, c, fmt.Sprintf(find, test.name)).Rows
		if len(found) != 1 || found[0][1] != test.kind {
			t.Errorf("%s: found %v", test.name, found)
			continue
		}
		if got := fmt.Sprint(mustAsk(t, c, fmt.Sprintf(columns, found[0][0])).Rows); got != test.columns {
			t.Errorf("%s:\n got columns %s\nwant %s", test.name, got, test.columns)
		}
		if got := fmt.Sprint(mustAsk(t, c, fmt.Sprintf(indexes, found[0][0])).Rows); got != test.indexes {
			t.Errorf("%s:\n got indexes %s\nwant %s", test.name, got, test.indexes)
		}
	}
}

// A condition that is passed over, or a row too many, would be a wrong answer: what is not known is refused.
func TestOtherQuestionsAreRefused(t *testing.T) {
	c := testCatalogue(1)
	for _, sql := range []string{
		`SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname LIKE 't%'`,
		`SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind = 'r' OR c.relkind = 'i'`,
		`SELECT c.relname FROM pg_catalog.pg_class c WHERE NOT c.relkind = 'r'`,
		`SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', c.relname)`,
		`SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind IN ('r' 'i',)`,
		`SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind NOT IN ('r')`,
		`SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relhasindex = 't'`,
		`SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname = $1`,
		`SELECT c.relname FROM pg_catalog.pg_class c LIMIT 1`,
		`SELECT c.relname FROM pg_catalog.pg_class c ORDER BY 2`,
		`SELECT c.relname FROM pg_catalog.pg_class c ORDER BY 1 NULLS FIRST`,
		`SELECT c.relname FROM pg_catalog.pg_class c GROUP BY 1`,
		`SELECT c.relname FROM pg_catalog.pg_class c UNION SELECT c.relname FROM pg_catalog.pg_class c`,
		`SELECT c.relname FROM pg_catalog.pg_class c, pg_catalog.pg_index i`,
		`SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indrelid = c.oid`,
		`SELECT DISTINCT c.relkind FROM pg_catalog.pg_class c`,
		`SELECT count(*) FROM pg_catalog.pg_class c`,
		`SELECT * FROM pg_catalog.pg_class c`,
		`SELECT c.nosuch FROM pg_catalog.pg_class c`,
		`SELECT CASE c.relkind WHEN 'r' THEN c.relname END FROM pg_catalog.pg_class c`,
		`SELECT CASE c.relkind WHEN 'r' THEN 'x' ELSE 'y' END FROM pg_catalog.pg_class c`,
		`SELECT c2.relname FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i WHERE c.oid = i.indrelid`,
		`SELECT c2.relname FROM pg_class c, pg_class c2, pg_index i WHERE c.oid = i.indrelid AND c.oid = i.indrelid`,
		`SELECT "c.relname" FROM pg_catalog.pg_class c`, `SELECT 'c.relname FROM pg_catalog.pg_class c`,
		`SELECT relname FROM pg_class`,
		`SELECT count(*) FROM pg_catalog.pg_trigger t`,
		`SELECT max(tgname), 1 FROM pg_catalog.pg_trigger t`,
		`SELECT "max"(tgname) FROM pg_catalog.pg_trigger t`,
		`SELECT * FROM pg_catalog.pg_trigger`,
		`SELECT c.relname FROM pg_catalog.pg_proc c LEFT JOIN pg_catalog.pg_trigger t ON true`,
		`SELECT 1 FROM pg_catalog.pg_trigger t RIGHT JOIN pg_catalog.pg_proc p ON true`,
		`SELECT 1 FROM pg_catalog.pg_trigger t FULL JOIN pg_catalog.pg_proc p ON true`,
		`SELECT 1 FROM pg_catalog.pg_trigger t UNION SELECT 1 FROM pg_catalog.pg_proc`,
		`SELECT 1 FROM pg_catalog.pg_trigger t HAVING true`,
		`SELECT FROM pg_catalog.`, `SELECT 1 FROM pg_catalog.pg_trigger t UNION`,
	} {
		_, r, err := ask(c, new(gate.Meter), sql)
		var e *pgerr.Error
		if !errors.As(err, &e) || e.Code != pgerr.FeatureNotSupported && e.Code != pgerr.SyntaxError {
			t.Errorf("%s: %v, %v", sql, r, err)
		}
	}
	if _, err := gate.New(gate.Limits{}).Prepare(`SELECT c.relname FROM pg_catalog.pg_class c`, []uint32{gate.Text.OID}, c); err == nil {
		t.Error("a question took a parameter")
	}
}

func TestPatternsForNames(t *testing.T) {
	c := testCatalogue(1)
	const sql = `SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) '%s' COLLATE pg_catalog.default ORDER BY 1`
	for pattern, want := range map[string]string{
		"^(t)$": "[[t]]", "^(t.*)$": "[[t] [t_pkey] [t_ts_idx]]", "^(pair|uniq)$": "[[pair] [uniq]]", "^(T)$": "[]", "^(t.)$": "[]", "": "[[pair] [pair_pkey] [seq] [seq_pkey] [t] [t_pkey] [t_ts_idx] [uniq] [uniq_b] [uniq_pkey]]",
	} {
		if got := fmt.Sprint(mustAsk(t, c, fmt.Sprintf(sql, pattern)).Rows); got != want {
			t.Errorf("%q: got %s, want %s", pattern, got, want)
		}
	}
	for pattern, code := range map[string]string{
		"^(t($":                           "2201B",
		`\y`:                              "2201B",
		"((((((a{9}){9}){9}){9}){9}){9})": "2201B", // beyond what regexp takes
		"(abcdefgh){1000}":                pgerr.ProgramLimitExceeded,
		strings.Repeat("a", 600):          pgerr.ProgramLimitExceeded,
		strings.Repeat("(.*a){50}", 50):   pgerr.ProgramLimitExceeded,
		`\pL\pL\pL\pL\pL\pL`:              pgerr.ProgramLimitExceeded,
		strings.Repeat("(", 500) + "a":    "2201B",
	} {
		_, r, err := ask(c, new(gate.Meter), fmt.Sprintf(sql, pattern))
		var e *pgerr.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%.40q: %v, %v, want %s", pattern, r, err, code)
		}
	}
}

// manyTables is a catalogue of n tables with two columns and an index each.
func manyTables(version uint64, n int) *engine.Catalogue {
	list := make([]*engine.Table, n)
	for i := range list {
		name := fmt.Sprintf("t%04d", i)
		list[i] = &engine.Table{Name: name, PrimaryKey: []string{"k"}, Columns: []engine.Column{
			{Name: "k", Type: engine.TypeText}, {Name: "v", Type: engine.TypeText}},
			Indexes: []engine.Index{{Name: name + "_v_idx", Table: name, Columns: []string{"v"}}}}
	}
	return engine.NewCatalogue(version, list...)
}

// psql names a relation by the number that an earlier statement gave it.
func TestNumbersOfRelationsStay(t *testing.T) {
	const sql = `SELECT c.oid, c.relname FROM pg_catalog.pg_class c`
	before := map[any]any{}
	for _, row := range mustAsk(t, manyTables(1, 1000), sql).Rows {
		if before[row[0]] != nil || row[0].(int64) < 16384 || row[0].(int64) > 0xffffffff {
			t.Fatalf("%v and %v have the number %v", before[row[0]], row[1], row[0])
		}
		before[row[0]] = row[1]
	}
	if len(before) != 3000 {
		t.Fatalf("%d relations", len(before))
	}
	for _, row := range mustAsk(t, manyTables(2, 500), sql).Rows {
		if before[row[0]] != row[1] {
			t.Fatalf("%v had another number than %v", row[1], row[0])
		}
	}
}

func BenchmarkDescribe(b *testing.B) {
	c, g := manyTables(1, 1000), gate.New(gate.Limits{})
	oid := mustAsk(b, c, `SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname = 't0500'`).Rows[0][0]
	sql := fmt.Sprintf(`SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = '%d' ORDER BY a.attnum`, oid)
	for b.Loop() {
		p, err := g.Prepare(sql, nil, c)
		if err != nil {
			b.Fatal(err)
		}
		if r, err := p.Run(catalogueReader{catalogue: c}, nil, testNow, new(gate.Meter)); err != nil || len(r.Rows) != 2 {
			b.Fatal(r, err)
		}
	}
}

func TestQuestionsAreMetered(t *testing.T) {
	c := manyTables(1, 1000)
	_, _, err := ask(c, stopped(), `SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname ~ '^(a|b|c|d|e|f)*$'`)
	if !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
	g := gate.New(gate.Limits{ResultBytes: 10_000})
	p, err := g.Prepare(`SELECT c.relname FROM pg_catalog.pg_class c`, nil, c)
	if err != nil {
		t.Fatal(err)
	}
	var e *pgerr.Error
	if _, err = p.Run(catalogueReader{catalogue: c}, nil, testNow, new(gate.Meter)); !errors.As(err, &e) || e.Code != pgerr.ProgramLimitExceeded {
		t.Errorf("got %v", err)
	}
}

// A question follows the schema, that of its own transaction too.
func TestQuestionsFollowTheSchema(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE "A b" ("The ""Key" TEXT PRIMARY KEY)`)
	p, err := d.gate.Prepare(`SELECT c.relname FROM pg_class c ORDER BY c.relname DESC`, nil, d.engine.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	d.exec("CREATE TABLE", `CREATE TABLE later (k TEXT PRIMARY KEY)`)
	if r, err := d.runPlan(p); err != nil || fmt.Sprint(r.Rows) != "[[later_pkey] [later] [A b_pkey] [A b]]" {
		t.Errorf("%v, %v", r, err)
	}
}
