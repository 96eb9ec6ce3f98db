package gate_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// testCatalogue has a table with a column of every type.
func testCatalogue(version uint64) *engine.Catalogue {
	return engine.NewCatalogue(version,
		&engine.Table{Name: "t", PrimaryKey: []string{"k"}, Columns: []engine.Column{
			{Name: "k", Type: engine.TypeText, NotNull: true}, {Name: "i", Type: engine.TypeInteger}, {Name: "b", Type: engine.TypeBigint},
			{Name: "d", Type: engine.TypeDouble}, {Name: "y", Type: engine.TypeBytea, NotNull: true}, {Name: "ts", Type: engine.TypeTimestamp},
			{Name: "o", Type: engine.TypeBoolean}, {Name: "Mixed", Type: engine.TypeText, Default: "'x'"},
		}, Indexes: []engine.Index{{Name: "t_ts_idx", Table: "t", Columns: []string{"ts"}}}},
		&engine.Table{Name: "seq", PrimaryKey: []string{"k"}, Columns: []engine.Column{{Name: "k", Type: engine.TypeBigint}}, Unsupported: "it has a sequence"},
		&engine.Table{Name: "pair", PrimaryKey: []string{"a", "b"}, Columns: []engine.Column{{Name: "a", Type: engine.TypeText}, {Name: "b", Type: engine.TypeText}}},
		&engine.Table{Name: "uniq", PrimaryKey: []string{"a"}, Columns: []engine.Column{{Name: "a", Type: engine.TypeText}, {Name: "b", Type: engine.TypeText}},
			Indexes: []engine.Index{{Name: "uniq_b", Columns: []string{"b"}, Unique: true}}},
	)
}

func names(types []gate.Type) string {
	list := make([]string, len(types))
	for i, t := range types {
		list[i] = t.Name
	}
	return strings.Join(list, ", ")
}

func TestPrepareTypes(t *testing.T) {
	c := testCatalogue(1)
	g := gate.New(gate.Limits{})
	for _, test := range []struct {
		sql      string
		declared []uint32
		params   string
		columns  string
		access   gate.Access
	}{
		{`SELECT k, i, b, d, y, ts, o, "Mixed" FROM t`, nil, "", "k text, i integer, b bigint, d double precision, y bytea, ts timestamp without time zone, o boolean, Mixed text", gate.Read},
		{`SELECT * FROM t AS x WHERE x.i = $1 AND $2 < x.ts AND t.k = $3`, nil, "error 42P01", "", 0},
		{`SELECT x.k FROM t AS x WHERE x.i = $1 AND $2 < x.ts AND k = $3`, nil, "integer, timestamp without time zone, text", "k text", gate.Read},
		{`SELECT k FROM t WHERE ts > $1`, []uint32{gate.Timestamptz.OID}, "timestamp with time zone", "k text", gate.Read},
		{`SELECT k FROM t WHERE i IN ($1, $2) AND b BETWEEN $3 AND $4`, nil, "integer, integer, bigint, bigint", "k text", gate.Read},
		{`SELECT k FROM t WHERE b = $1`, []uint32{gate.Int2.OID}, "smallint", "k text", gate.Read},
		{`SELECT k FROM t WHERE d = $1`, []uint32{gate.Int4.OID}, "integer", "k text", gate.Read},
		{`SELECT k FROM t WHERE k = $1`, []uint32{gate.Varchar.OID}, "character varying", "k text", gate.Read},
		{`SELECT k FROM t WHERE k = $1`, []uint32{gate.Unknown.OID}, "text", "k text", gate.Read},
		{`SELECT k FROM t LIMIT $1 OFFSET $2`, nil, "bigint, bigint", "k text", gate.Read},
		{`SELECT $1`, nil, "text", "?column? text", gate.None},
		{`SELECT $1::int AS n, $2::timestamptz`, nil, "integer, timestamp with time zone", "n integer, timestamptz timestamp with time zone", gate.None},
		{`SELECT now(), current_timestamp, localtimestamp, version(), current_database(), current_user`, nil, "",
			"now timestamp with time zone, current_timestamp timestamp with time zone, localtimestamp timestamp without time zone, version text, current_database name, current_user name", gate.None},
		{`SELECT count(*), min(ts), max(b) AS most FROM t`, nil, "", "count bigint, min timestamp without time zone, most bigint", gate.Read},
		{`SELECT i + 1, i + b, i * 1.5, -d, 1 = 1 FROM t`, nil, "", "?column? integer, ?column? bigint, ?column? numeric, ?column? double precision, ?column? boolean", gate.Read},
		{`INSERT INTO t (k, y) VALUES ($1, $2), ($3, $4)`, nil, "text, bytea, text, bytea", "", gate.Write},
		{`INSERT INTO t (k, y, i) VALUES ($2, $1, $3) RETURNING *`, nil, "bytea, text, integer", "k text, i integer, b bigint, d double precision, y bytea, ts timestamp without time zone, o boolean, Mixed text", gate.Write},
		{`UPDATE t SET i = i + $1, ts = $2 WHERE o = $3 RETURNING k`, nil, "integer, timestamp without time zone, boolean", "k text", gate.Write},
		{`DELETE FROM t WHERE k = $1`, nil, "text", "", gate.Write},
		{`DELETE FROM t WHERE k IN (SELECT k FROM t WHERE ts < $1 LIMIT $2)`, nil, "timestamp without time zone, bigint", "", gate.Write},
		{`CREATE TABLE u (a TEXT PRIMARY KEY)`, nil, "", "", gate.Schema},
		{`SHOW timezone`, nil, "", "TimeZone text", gate.None},
		{`SHOW ALL`, nil, "", "name text, setting text, description text", gate.None},
		{`BEGIN`, nil, "", "", gate.None},
		{``, nil, "", "", gate.None},
	} {
		p, err := g.Prepare(test.sql, test.declared, c)
		if err != nil {
			var e *pgerr.Error
			if !errors.As(err, &e) || test.params != "error "+e.Code {
				t.Errorf("%s: %v", test.sql, describe(err))
			}
			continue
		}
		var columns []string
		for _, c := range p.Columns {
			columns = append(columns, c.Name+" "+c.Type.Name)
		}
		if got := strings.Join(columns, ", "); names(p.Params) != test.params || got != test.columns || p.Access != test.access {
			t.Errorf("%s:\n got params %q columns %q access %d\nwant params %q columns %q access %d", test.sql, names(p.Params), got, p.Access, test.params, test.columns, test.access)
		}
	}
}

func TestPrepareFailures(t *testing.T) {
	c := testCatalogue(1)
	g := gate.New(gate.Limits{})
	for _, test := range []struct {
		sql, code, message string
		position           int
	}{
		{`SELECT a FROM nosuch`, pgerr.UndefinedTable, `relation "nosuch" does not exist`, 15},
		{`SELECT a FROM "T"`, pgerr.UndefinedTable, `relation "T" does not exist`, 15},
		{`SELECT mixed FROM t`, pgerr.UndefinedColumn, `column "mixed" does not exist`, 8},
		{`SELECT u.k FROM t`, pgerr.UndefinedTable, `missing FROM-clause entry for table "u"`, 8},
		{`SELECT t.x FROM t`, pgerr.UndefinedColumn, `column t.x does not exist`, 8},
		{`SELECT k`, pgerr.UndefinedColumn, `column "k" does not exist`, 8},
		{`SELECT *`, pgerr.SyntaxError, `SELECT * with no tables specified is not valid`, 8},
		{`SELECT k FROM seq`, pgerr.FeatureNotSupported, `table "seq" cannot be used: it has a sequence`, 15},
		{`SELECT a FROM pair`, pgerr.FeatureNotSupported, `table "pair" cannot be used: its primary key is not a single column`, 15},
		{`DELETE FROM uniq`, pgerr.FeatureNotSupported, `table "uniq" cannot be used: its index "uniq_b" is unique; drop the index`, 13},
		{`SELECT * FROM __chai_catalog`, pgerr.UndefinedTable, `relation "__chai_catalog" does not exist`, 15},
		{`SELECT * FROM "__CHAI_x"`, pgerr.UndefinedTable, `relation "__CHAI_x" does not exist`, 15},
		{`SELECT k FROM t WHERE k = 1`, pgerr.UndefinedFunction, `operator does not exist: text = integer`, 23},
		{`SELECT k FROM t WHERE i = 'x'`, pgerr.InvalidTextRepresentation, `invalid input syntax for type integer: "x"`, 27},
		{`SELECT k FROM t WHERE i = '3000000000'`, pgerr.NumericValueOutOfRange, `value "3000000000" is out of range for type integer`, 27},
		{`SELECT k FROM t WHERE ts < 'soon'`, "22007", `invalid input syntax for type timestamp: "soon"`, 28},
		{`SELECT k FROM t WHERE ts < '2025-02-30'`, pgerr.DatetimeFieldOverflow, `date/time field value out of range: "2025-02-30"`, 28},
		{`SELECT k FROM t WHERE y = k`, pgerr.UndefinedFunction, `operator does not exist: bytea = text`, 23},
		{`SELECT k FROM t WHERE k`, pgerr.DatatypeMismatch, `argument of WHERE must be type boolean, not type text`, 23},
		{`SELECT k FROM t WHERE o AND i`, pgerr.DatatypeMismatch, `argument of AND must be type boolean, not type integer`, 29},
		{`SELECT k FROM t LIMIT 'x'`, pgerr.InvalidTextRepresentation, `invalid input syntax for type bigint: "x"`, 23},
		{`SELECT k FROM t LIMIT i`, "42P10", `argument of LIMIT must not contain variables`, 23},
		{`SELECT k FROM t ORDER BY 2`, "42P10", `ORDER BY position 2 is not in select list`, 26},
		{`SELECT k, count(*) FROM t`, "42803", `column "t.k" must appear in the GROUP BY clause or be used in an aggregate function`, 8},
		{`SELECT k FROM t WHERE count(*) > 1`, "42803", `aggregate functions are not allowed in WHERE`, 23},
		{`SELECT array_agg(i) FROM t`, pgerr.FeatureNotSupported, `function array_agg is not supported`, 8},
		{`SELECT sum(interval '1 day') FROM t`, pgerr.FeatureNotSupported, `function sum(interval) is not supported`, 8},
		{`SELECT sum(k) FROM t`, pgerr.UndefinedFunction, `function sum(text) does not exist`, 8},
		{`SELECT sum(max(i)) FROM t`, "42803", `aggregate function calls cannot be nested`, 8},
		{`SELECT k = ANY (k) FROM t`, "42809", `op ANY/ALL (array) requires array on right side`, 17},
		{`SELECT k = ANY (k::text[]) FROM t`, pgerr.FeatureNotSupported, `an array from a computed text is not supported`, 17},
		{`SELECT k <> ALL (i::text[]) FROM t`, "42846", `cannot cast type integer to text[]`, 18},
		{`SELECT lower(DISTINCT k) FROM t`, "42809", `DISTINCT specified, but lower is not an aggregate function`, 8},
		{`SELECT i + b FROM t AS x GROUP BY i`, "42803", `column "x.b" must appear in the GROUP BY clause or be used in an aggregate function`, 12},
		{`SELECT *, i + 1 FROM t GROUP BY i + 1`, "42803", `column "t.k" must appear in the GROUP BY clause or be used in an aggregate function`, 8},
		{`SELECT i FROM t GROUP BY 2`, "42P10", `GROUP BY position 2 is not in select list`, 26},
		{`SELECT DISTINCT i FROM t ORDER BY b`, "42P10", `for SELECT DISTINCT, ORDER BY expressions must appear in select list`, 35},
		{`SELECT DISTINCT ON (i) i FROM t`, pgerr.FeatureNotSupported, `DISTINCT ON is not supported`, 17},
		{`SELECT i FROM t GROUP BY ROLLUP (i)`, pgerr.FeatureNotSupported, `GROUP BY with grouping sets is not supported`, 26},
		{`SELECT count(*) OVER () FROM t`, pgerr.FeatureNotSupported, `OVER is not supported`, 17},
		{`SELECT nosuch(1)`, pgerr.UndefinedFunction, `function nosuch(integer) does not exist`, 8},
		{`SELECT 'x'::nosuch`, pgerr.UndefinedObject, `type "nosuch" does not exist`, 13},
		{`SELECT '1'::json`, pgerr.FeatureNotSupported, `type json is not supported`, 13},
		{`SELECT true::timestamp`, "42846", `cannot cast type boolean to timestamp without time zone`, 8},
		{`SELECT i FROM t AS x WHERE EXISTS (SELECT 1 FROM t WHERE k = x.k)`, pgerr.FeatureNotSupported,
			`an inner SELECT that names columns of the outer statement is not supported`, 62},
		{`SELECT (SELECT (SELECT k)) FROM t`, pgerr.FeatureNotSupported, `an inner SELECT that names columns of the outer statement is not supported`, 24},
		{`SELECT (SELECT t.*) FROM t`, pgerr.FeatureNotSupported, `an inner SELECT that names columns of the outer statement is not supported`, 16},
		{`UPDATE t SET i = (SELECT max(b) FROM t AS u WHERE u.k = t.k)`, pgerr.FeatureNotSupported,
			`an inner SELECT that names columns of the outer statement is not supported`, 57},
		{`SELECT (SELECT i, k FROM t)`, pgerr.SyntaxError, `subquery must return only one column`, 8},
		{`SELECT int8('1')`, pgerr.FeatureNotSupported, `a cast written as a function is not supported`, 8},
		{`SELECT k FROM t ORDER BY t`, pgerr.FeatureNotSupported, `a whole row as a value is not supported`, 26},
		{`SELECT i FROM t WHERE k IN (SELECT k, i FROM t)`, pgerr.SyntaxError, `subquery has too many columns`, 36},
		{`INSERT INTO t (k, nosuch) VALUES (1, 2)`, pgerr.UndefinedColumn, `column "nosuch" of relation "t" does not exist`, 19},
		{`INSERT INTO t (k, k) VALUES ('a', 'b')`, pgerr.DuplicateColumn, `column "k" specified more than once`, 19},
		{`INSERT INTO t (k, y) VALUES ('a')`, pgerr.SyntaxError, `INSERT has more target columns than expressions`, 19},
		{`INSERT INTO t (k) VALUES ('a', 'b')`, pgerr.SyntaxError, `INSERT has more expressions than target columns`, 32},
		{`INSERT INTO t (k) VALUES (k)`, pgerr.UndefinedColumn, `column "k" does not exist`, 27},
		{`INSERT INTO t (y) VALUES (5)`, pgerr.DatatypeMismatch, `column "y" is of type bytea but expression is of type integer`, 27},
		{`INSERT INTO t (y) VALUES ('\x0')`, pgerr.InvalidParameterValue, `invalid hexadecimal data: odd number of digits`, 27},
		{`INSERT INTO t (k) VALUES ('a') RETURNING excluded.k`, pgerr.UndefinedTable, `missing FROM-clause entry for table "excluded"`, 42},
		{`UPDATE t SET nosuch = 1`, pgerr.UndefinedColumn, `column "nosuch" of relation "t" does not exist`, 14},
		{`UPDATE t SET i = 1, i = 2`, pgerr.SyntaxError, `multiple assignments to same column "i"`, 21},
		{`UPDATE t SET i = 'x'`, pgerr.InvalidTextRepresentation, `invalid input syntax for type integer: "x"`, 18},
		{`UPDATE t SET i = count(*)`, "42803", `aggregate functions are not allowed in UPDATE`, 18},
		{`SELECT $2::int`, pgerr.IndeterminateDatatype, `could not determine data type of parameter $1`, 0},
		{`SELECT $1001`, pgerr.ProgramLimitExceeded, `parameter $1001 is beyond the limit of 1000`, 8},
		{`CREATE TABLE x (a TEXT)`, pgerr.FeatureNotSupported, `table "x" has no primary key`, 14},
		{`CREATE TABLE x (a TEXT, b TEXT, PRIMARY KEY (a, b))`, pgerr.FeatureNotSupported, `primary keys of several columns are not supported`, 33},
		{`CREATE TABLE x (a TEXT PRIMARY KEY, b TEXT PRIMARY KEY)`, pgerr.InvalidTableDefinition, `multiple primary keys for table "x" are not allowed`, 14},
		{`CREATE TABLE x (a TEXT PRIMARY KEY, a INT)`, pgerr.DuplicateColumn, `column "a" specified more than once`, 37},
		{`CREATE TABLE x (a TEXT, PRIMARY KEY (b))`, pgerr.UndefinedColumn, `column "b" named in key does not exist`, 38},
		{`CREATE TABLE x (a TIMESTAMPTZ PRIMARY KEY)`, pgerr.FeatureNotSupported, `columns of type timestamptz are not supported`, 19},
		{`CREATE TABLE x (a VARCHAR(10) PRIMARY KEY)`, pgerr.FeatureNotSupported, `columns of type varchar(…) are not supported, their length would not be enforced`, 19},
		{`CREATE TABLE x (a TEXT[] PRIMARY KEY)`, pgerr.FeatureNotSupported, `array columns are not supported`, 19},
		{`CREATE TABLE x (a SERIAL PRIMARY KEY)`, pgerr.FeatureNotSupported, `columns of type serial are not supported`, 19},
		{`CREATE TABLE x (a HSTORE PRIMARY KEY)`, pgerr.UndefinedObject, `type "hstore" does not exist`, 19},
		{`CREATE TABLE x (a TEXT PRIMARY KEY, b TIMESTAMP DEFAULT now())`, pgerr.FeatureNotSupported, `the default of column "b" is not supported`, 57},
		{`CREATE TABLE x (a TEXT PRIMARY KEY, b FLOAT8 DEFAULT 1e20)`, pgerr.FeatureNotSupported, `the default of column "b" is not supported`, 54},
		{`CREATE TABLE x (a TEXT PRIMARY KEY, b INT DEFAULT true)`, pgerr.DatatypeMismatch, `column "b" is of type integer but default expression is of type boolean`, 51},
		{`CREATE TABLE x (a TEXT PRIMARY KEY, b TEXT DEFAULT 'it''s')`, pgerr.FeatureNotSupported, `the default of column "b" is not supported`, 52},
		{`CREATE UNIQUE INDEX x ON t (i)`, pgerr.FeatureNotSupported, `unique indexes are not supported`, 1},
		{`CREATE INDEX x ON t (i, b)`, pgerr.FeatureNotSupported, `indexes on several columns are not supported`, 25},
		{`CREATE INDEX x ON t (i DESC)`, pgerr.FeatureNotSupported, `descending indexes are not supported`, 22},
	} {
		_, err := g.Prepare(test.sql, nil, c)
		var e *pgerr.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: error %v", test.sql, err)
			continue
		}
		if e.Code != test.code || e.Message != test.message || e.Position != test.position {
			t.Errorf("%s:\n got %s %q at %d\nwant %s %q at %d", test.sql, e.Code, e.Message, e.Position, test.code, test.message, test.position)
		}
		if e.Code == pgerr.FeatureNotSupported && e.Hint == "" && !strings.Contains(e.Message, "cannot be used") {
			t.Errorf("%s: no hint says what is supported", test.sql)
		}
	}
}

func TestDeclaredTypes(t *testing.T) {
	c, g := testCatalogue(1), gate.New(gate.Limits{})
	for _, test := range []struct {
		sql  string
		oid  uint32
		code string
	}{
		{`SELECT k FROM t WHERE k = $1`, gate.Bytea.OID, pgerr.UndefinedFunction},
		{`SELECT k FROM t WHERE y = $1`, gate.Text.OID, pgerr.UndefinedFunction},
		{`SELECT k FROM t WHERE ts < $1`, gate.Text.OID, pgerr.UndefinedFunction},
		{`SELECT k FROM t WHERE i = $1`, gate.Bool.OID, pgerr.UndefinedFunction},
		{`SELECT k FROM t WHERE i = $1`, 1083, pgerr.FeatureNotSupported},
		{`SELECT k FROM t WHERE i = $1`, gate.Date.OID, pgerr.UndefinedFunction},
		{`SELECT k FROM t WHERE ts = $1`, gate.Date.OID, ""},
		{`UPDATE t SET ts = $1`, gate.Date.OID, ""},
		{`UPDATE t SET i = $1`, gate.Date.OID, pgerr.DatatypeMismatch},
		{`UPDATE t SET y = $1`, gate.Text.OID, pgerr.DatatypeMismatch},
		{`UPDATE t SET i = $1`, gate.Int8.OID, ""},
		{`UPDATE t SET ts = $1`, gate.Timestamptz.OID, ""},
		{`UPDATE t SET "Mixed" = $1`, gate.Varchar.OID, ""},
		{`UPDATE t SET d = $1`, gate.Int2.OID, ""},
	} {
		_, err := g.Prepare(test.sql, []uint32{test.oid}, c)
		var e *pgerr.Error
		if errors.As(err, &e); (err == nil) != (test.code == "") || err != nil && e.Code != test.code {
			t.Errorf("%s with %d: %v, want %q", test.sql, test.oid, describe(err), test.code)
		}
	}
	if _, err := g.Prepare(`SELECT 1`, make([]uint32, 1001), c); err == nil {
		t.Error("1001 declared parameters were taken")
	}
}

func TestPlansAreCachedByCatalogueAndTypes(t *testing.T) {
	g := gate.New(gate.Limits{CachedPlans: 2})
	first, second := testCatalogue(1), testCatalogue(2)
	prepare := func(sql string, c *engine.Catalogue, declared ...uint32) *gate.Plan {
		t.Helper()
		p, err := g.Prepare(sql, declared, c)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const sql = `SELECT k FROM t WHERE i = $1`
	p := prepare(sql, first)
	if prepare(sql, first) != p {
		t.Error("the plan was not kept")
	}
	if prepare(sql, second) == p {
		t.Error("the plan outlived its catalogue")
	}
	if q := prepare(sql, first, gate.Int8.OID); q == p || q.Params[0] != gate.Int8 {
		t.Error("the plan was given for other parameter types")
	}
	for i := range 10 {
		prepare(fmt.Sprintf("SELECT %d", i), first)
	}
	if prepare(sql, first) == p {
		t.Error("the cache is not bounded")
	}
}

func TestSessionPlans(t *testing.T) {
	g := gate.New(gate.Limits{})
	for _, test := range []struct {
		sql  string
		verb gate.Verb
		tag  string
		want any
	}{
		{"BEGIN READ ONLY", gate.Begin, "BEGIN", gate.BeginOptions{ReadOnly: true}},
		{"START TRANSACTION ISOLATION LEVEL SERIALIZABLE", gate.Begin, "BEGIN", gate.BeginOptions{Isolation: "serializable"}},
		{"END", gate.Commit, "COMMIT", gate.EndOptions{}},
		{"ABORT AND CHAIN", gate.Rollback, "ROLLBACK", gate.EndOptions{Chain: true}},
		{"SET a TO 'b'", gate.Set, "SET", gate.SetOption{Name: "a", Values: []string{"b"}}},
		{"SET a TO DEFAULT", gate.Set, "SET", gate.SetOption{Name: "a", Default: true}},
		{"RESET ALL", gate.Reset, "RESET", gate.ResetOption{}},
		{"SHOW a", gate.Show, "SHOW", gate.ShowOption{Name: "a"}},
		{"DISCARD TEMP", gate.Discard, "DISCARD TEMP", gate.DiscardOption{What: "temporary"}},
		{"CLOSE ALL", gate.Discard, "CLOSE CURSOR ALL", gate.DiscardOption{What: "cursors"}},
		{"UNLISTEN *", gate.Discard, "UNLISTEN", gate.DiscardOption{What: "listeners"}},
		{"DEALLOCATE a", gate.Deallocate, "DEALLOCATE", gate.DeallocateOption{Name: "a"}},
		{"DEALLOCATE ALL", gate.Deallocate, "DEALLOCATE ALL", gate.DeallocateOption{}},
		{"-- nothing", gate.Empty, "", nil},
	} {
		p, err := g.Prepare(test.sql, nil, testCatalogue(1))
		if err != nil {
			t.Errorf("%s: %v", test.sql, err)
			continue
		}
		if p.Verb != test.verb || p.Tag != test.tag || !reflect.DeepEqual(p.Session, test.want) || p.Access != gate.None {
			t.Errorf("%s: %+v", test.sql, p)
		}
	}
}
