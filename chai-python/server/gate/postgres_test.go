package gate_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"chaisqld/gate"
	"chaisqld/pgerr"
)

// postgresAnswers holds what PostgreSQL 15 says to postgresStatements, run one after the other on an empty table.
const postgresAnswers = "testdata/postgres.json"

// answer is the rows of a statement as psql prints them, or the SQLSTATE of its failure.
type answer struct {
	SQL   string `json:"sql"`
	Rows  string `json:"rows,omitempty"`
	Error string `json:"error,omitempty"`
}

const createDifferential = `CREATE TABLE differential (k TEXT PRIMARY KEY, i INTEGER, b BIGINT, d DOUBLE PRECISION, y BYTEA, ts TIMESTAMP, o BOOLEAN, s TEXT NOT NULL DEFAULT 'dflt')`

// TestAnswersOfPostgreSQL compares values and SQLSTATEs with PostgreSQL's. With GATE_PSQL set to the connection string of a
// throwaway database (UTF-8, C collation, time zone UTC) it asks that server and writes its answers down first.
func TestAnswersOfPostgreSQL(t *testing.T) {
	if dsn := os.Getenv("GATE_PSQL"); dsn != "" {
		writeAnswers(t, dsn)
	}
	text, err := os.ReadFile(postgresAnswers)
	if err != nil {
		t.Fatal(err)
	}
	var answers []answer
	if err := json.Unmarshal(text, &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(postgresStatements) {
		t.Fatalf("%d answers to %d statements: set GATE_PSQL once", len(answers), len(postgresStatements))
	}
	d := openMemory(t)
	d.exec("CREATE TABLE", createDifferential)
	d.exec("CREATE INDEX", `CREATE INDEX ON differential (ts)`)
	for i, sql := range postgresStatements {
		if got := d.answer(sql); got != answers[i] {
			t.Errorf("\n      gate %+v\nPostgreSQL %+v", got, answers[i])
		}
	}
}

func writeAnswers(t *testing.T, dsn string) {
	t.Helper()
	psql(dsn, "DROP TABLE IF EXISTS differential; "+createDifferential)
	var answers []answer
	for _, sql := range postgresStatements {
		answers = append(answers, psql(dsn, sql))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(answers); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(postgresAnswers, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

var postgresStatements = []string{
	// literals and casts
	`SELECT 1, -1, 2147483648, -9223372036854775808, 'x', NULL, true, false`,
	`SELECT ' 12 '::int, '-3'::bigint, '1e3'::float8, ' Infinity'::float8, 'nan'::float8, '-0'::float8`,
	`SELECT 'x'::int`, `SELECT ''::int`, `SELECT '1.5'::int`, `SELECT '99999999999'::int`, `SELECT '9223372036854775808'::bigint`, `SELECT '1e400'::float8`,
	`SELECT 1::float8, 1.5::int, 2.5::float8::int, 3.5::float8::int, (-1.5)::float8::int, 1e10::float8::int`,
	`SELECT true::int, 0::bool, 5::bool, 't'::bool, 'yes'::bool, 'of'::bool, ' ON '::bool`, `SELECT 'o'::bool`, `SELECT 'truer'::bool`,
	`SELECT 1::text, true::text, 1.5::float8::text, 1e20::float8::text, 1e-5::float8::text, 0.0001::float8::text, 123456789012345678::float8::text`,
	`SELECT '\x6162'::bytea, 'ab'::bytea, 'a\\b'::bytea, E'a\\001'::bytea, '\x61'::bytea::text`, `SELECT '\x6'::bytea`, `SELECT '\xzz'::bytea`, `SELECT 'a\'::bytea`,
	`SELECT E'a\tb\x41\101\u00e9\'', 'a''b', 'a'
	'b', $$x'y$$, $t$ $$ $t$`,
	`SELECT true::bytea`, `SELECT now()::int`, `SELECT 1::bytea`,
	// timestamps
	`SELECT '2025-01-31 23:59:59.123456'::timestamp, '2025-01-31'::timestamp, '2025-01-31T01:02'::timestamp, '2025-01-31 01:02:03Z'::timestamp`,
	`SELECT '2025-01-31 01:02:03+05'::timestamp, '2025-01-31 01:02:03+05'::timestamptz, '2025-01-31 01:02:03 -05:30'::timestamptz, '2025-01-31 24:00:00'::timestamp`,
	`SELECT '2025-01-31 01:02:03.1234565'::timestamp, '2025-01-31 01:02:03.9999996'::timestamp, '2025-01-31 01:02:60'::timestamp`,
	`SELECT '2025-02-30'::timestamp`, `SELECT '2025-13-01'::timestamp`, `SELECT '2025-01-01 25:00'::timestamp`, `SELECT 'soon'::timestamp`, `SELECT ''::timestamp`, `SELECT '2025-01-01 10:61'::timestamp`,
	`SELECT timestamp '2025-01-31 01:02:03'::timestamptz, timestamptz '2025-01-31 01:02:03'::timestamp, cast('2025-01-01' as timestamp with time zone)`,
	`SELECT timestamp '2025-01-01' = timestamptz '2025-01-01 00:00:00+00', timestamp '2025-01-01' < timestamptz '2025-01-01 00:00:00-01'`,
	// arithmetic
	`SELECT 1 + 2 * 3 - 4, 7 / 2, -7 / 2, 7 % 3, -7 % 3, 2147483647 + 1::bigint, 1 - 2 - 3, 2 * (3 + 4), - (5), + 5, - - 5`,
	`SELECT 2147483647 + 1`, `SELECT -2147483648 - 1`, `SELECT 65536 * 65536`, `SELECT 9223372036854775807 + 1`, `SELECT -9223372036854775808 - 1`, `SELECT 4611686018427387904 * 2`,
	`SELECT 1 / 0`, `SELECT 1 % 0`, `SELECT 1::float8 / 0`, `SELECT 1e308::float8 * 10`, `SELECT -9223372036854775808 / -1`, `SELECT -9223372036854775808 % -1`,
	`SELECT 1::float8 + 1, 1 + 0.5::float8, 7::float8 / 2, NULL + 1, 1 + NULL::int`,
	`SELECT 'a' + 1`, `SELECT 'a'::text + 1`, `SELECT true + 1`,
	// comparisons and logic
	`SELECT 1 = 1.0::float8, 1 < 2, 'a' < 'B', 'a' = 'a ', '' < 'a', 'é' > 'z', 'Z' < 'a', '\x00'::bytea < '\x01'::bytea, '\x'::bytea < '\x00'::bytea`,
	`SELECT 'nan'::float8 = 'nan'::float8, 'nan'::float8 > 'inf'::float8, '-0'::float8 = 0, false < true`,
	`SELECT NULL = NULL, NULL <> 1, NULL IS NULL, 1 IS NOT NULL, NOT NULL, NULL AND false, NULL AND true, NULL OR true, NULL OR false`,
	`SELECT 1 IN (1, NULL), 2 IN (1, NULL), 2 NOT IN (1, NULL), 2 NOT IN (1, 3), NULL IN (1), 'b' IN ('a', 'b')`,
	`SELECT 2 BETWEEN 1 AND 3, 2 NOT BETWEEN 1 AND 3, 2 BETWEEN 3 AND 1, NULL BETWEEN 1 AND 2, 2 BETWEEN NULL AND 1`,
	`SELECT true IS TRUE, NULL IS TRUE, NULL IS NOT FALSE, false IS FALSE, (1 = 2) IS NOT TRUE`,
	`SELECT NOT 1 = 2, NOT true AND false, 1 = 1 AND 2 = 2 OR 1 = 3, true OR false AND false, 1 < 2 = true`,
	`SELECT 'a' = 1`, `SELECT 'a'::text = 1`, `SELECT 1 AND true`, `SELECT NOT 1`, `SELECT 'x' AND true`, `SELECT 1 IN ('a')`, `SELECT '2025-01-01'::timestamp = 1`,
	`SELECT 1 WHERE true`, `SELECT 1 WHERE false`, `SELECT 1 WHERE NULL`, `SELECT 1 LIMIT 0`, `SELECT 1 OFFSET 1`, `SELECT 1 LIMIT NULL`, `SELECT 1 LIMIT -1`, `SELECT 1 OFFSET -1`, `SELECT 1 LIMIT 1 + 1`,
	// errors
	`SELECT`, `SELEC`, `SELECT 1 +`, `SELECT (1`, `SELECT 1)`, `SELECT nosuch`, `SELECT * FROM nosuch`, `SELECT nosuch()`, `SELECT 1::nosuch`, `SELECT 1 = 1 = 1`, `SELECT a.b`,
	`SELECT nosuch FROM differential`, `SELECT x.k FROM differential`, `SELECT differential.nosuch FROM differential`, `SELECT k FROM differential ORDER BY 9`,
	`SELECT k FROM differential ORDER BY 'x'`, `SELECT k, count(*) FROM differential`, `SELECT count(*) FROM differential WHERE count(*) > 1`, `SELECT k FROM differential WHERE k`, `SELECT k FROM differential WHERE 1`,
	`INSERT INTO differential (nosuch) VALUES (1)`, `INSERT INTO differential (k, k) VALUES (1, 2)`, `INSERT INTO differential (k) VALUES (1, 2)`, `INSERT INTO differential (k, i) VALUES ('a')`,
	`INSERT INTO differential (k) VALUES (NULL)`, `INSERT INTO differential (k, s) VALUES ('a', NULL)`, `INSERT INTO differential (k, i) VALUES ('a', true)`, `INSERT INTO differential (k, y) VALUES ('a', 1)`,
	`INSERT INTO differential (k, i) VALUES ('a', 3000000000)`, `INSERT INTO differential (k, ts) VALUES ('a', 1)`, `INSERT INTO differential (k) VALUES (DEFAULT)`,
	`UPDATE differential SET nosuch = 1`, `UPDATE differential SET i = 1, i = 2`, `UPDATE differential SET i = 'x'`, `DELETE FROM differential WHERE nosuch = 1`,
	`CREATE TABLE differential (a TEXT PRIMARY KEY)`, `CREATE TABLE twice (a TEXT PRIMARY KEY, a TEXT)`, `DROP TABLE nosuch`, `DROP INDEX nosuch`, `CREATE INDEX ON nosuch (a)`, `CREATE INDEX ON differential (nosuch)`,
	// rows
	`INSERT INTO differential VALUES ('a', 1, 10, 0.5, '\x01', '2025-01-01', true, 'one'), ('b', 2, 20, -1.5, '\x02', '2025-01-02', false, DEFAULT), ('c', NULL, NULL, NULL, NULL, NULL, NULL, DEFAULT) RETURNING *`, `INSERT INTO differential VALUES ('r', 1), ('s')`, `SELECT 2.5::int, -2.5::int, (-3.5)::bigint, 2.5::float8::int`,
	`INSERT INTO differential VALUES ('a')`, `INSERT INTO differential VALUES ('a') ON CONFLICT DO NOTHING`, `INSERT INTO differential VALUES ('a'), ('z') ON CONFLICT (k) DO NOTHING RETURNING k`,
	`INSERT INTO differential (k, i) VALUES ('a', 5) ON CONFLICT (k) DO UPDATE SET i = differential.i + excluded.i, s = DEFAULT RETURNING k, i, s`,
	`INSERT INTO differential (k, i) VALUES ('a', 5) ON CONFLICT (k) DO UPDATE SET i = 9 WHERE differential.i > 100 RETURNING k`,
	`INSERT INTO differential (k) VALUES ('q'), ('q') ON CONFLICT (k) DO UPDATE SET i = 1`, `INSERT INTO differential (k) VALUES ('q'), ('q')`,
	`INSERT INTO differential (k) VALUES ('q') ON CONFLICT (i) DO NOTHING`, `INSERT INTO differential (k) VALUES ('q') ON CONFLICT DO UPDATE SET i = 1`,
	`INSERT INTO differential (k, d, b) VALUES ('n', 1, 2.6) RETURNING d, b`,
	`SELECT * FROM differential ORDER BY k`, `SELECT k FROM differential ORDER BY i, k`, `SELECT k FROM differential ORDER BY i DESC, k`, `SELECT k FROM differential ORDER BY i NULLS FIRST, k DESC`, `SELECT k FROM differential ORDER BY ts DESC NULLS LAST, 1`,
	`SELECT i AS k, k AS j FROM differential ORDER BY k, j`, `SELECT k FROM differential ORDER BY -i, k`, `SELECT k, i + 1 AS n FROM differential WHERE n = 2`, `SELECT k, i FROM differential AS x WHERE x.i >= 2 ORDER BY x.k`,
	`SELECT count(*), count(i), min(i), max(ts), min(k), max(d) FROM differential`, `SELECT count(*) + 1, min(i) FROM differential WHERE k > 'zz'`, `SELECT min(ts) FROM differential WHERE i IS NULL`, `SELECT min(o) FROM differential`,
	`UPDATE differential SET i = i + 1, d = i WHERE k IN ('a', 'b') RETURNING k, i, d`, `UPDATE differential SET i = NULL WHERE i IS NULL`, `UPDATE differential SET s = NULL WHERE k = 'a'`, `UPDATE differential SET i = i + 2147483647 WHERE i IS NOT NULL`,
	`UPDATE differential SET k = 'aa' WHERE k = 'a' RETURNING k`, `UPDATE differential SET k = 'b' WHERE k = 'aa'`, `UPDATE differential SET i = 2.5 WHERE k = 'b' RETURNING i`, `UPDATE differential x SET i = 1 WHERE x.k = 'b'`, `UPDATE differential SET i = i / 0 WHERE k = 'b'`,
	`DELETE FROM differential WHERE k IN (SELECT k FROM differential WHERE ts IS NULL ORDER BY k LIMIT 1) RETURNING k`, `DELETE FROM differential WHERE i > 0 AND NOT o RETURNING k`, `SELECT k FROM differential WHERE k NOT IN ('aa', 'z') ORDER BY k`, `DELETE FROM differential`, `SELECT count(*) FROM differential`, `SELECT max(i) FROM differential`,
}

func psql(dsn, sql string) answer {
	cmd := exec.Command("psql", "-X", "-A", "-t", "-q", "-F", "|", "-P", "null=∅", "-v", "VERBOSITY=sqlstate", "-v", "ON_ERROR_STOP=1", dsn)
	cmd.Stdin = strings.NewReader(sql + ";\n")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if cmd.Run() != nil {
		text := strings.TrimSpace(stderr.String())
		return answer{SQL: sql, Error: text[strings.LastIndexByte(text, ' ')+1:]}
	}
	return answer{SQL: sql, Rows: strings.TrimSuffix(stdout.String(), "\n")}
}

// answer runs a statement and writes the rows as psql does.
func (d *database) answer(sql string) answer {
	p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
	var result *gate.Result
	if err == nil {
		result, err = d.runPlan(p)
	}
	var e *pgerr.Error
	if errors.As(err, &e) {
		return answer{SQL: sql, Error: e.Code}
	}
	var lines []string
	for _, row := range result.Rows {
		var parts []string
		for i, v := range row {
			parts = append(parts, textOf(v, p.Columns[i].Type))
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	return answer{SQL: sql, Rows: strings.Join(lines, "\n")}
}

func textOf(v any, t gate.Type) string {
	switch v := v.(type) {
	case nil:
		return "∅"
	case bool:
		return map[bool]string{true: "t", false: "f"}[v]
	case int64:
		return strconv.FormatInt(v, 10)
	case []byte:
		return `\x` + hex.EncodeToString(v)
	case time.Time:
		return v.Format("2006-01-02 15:04:05.999999") + map[bool]string{true: "+00"}[t == gate.Timestamptz]
	case float64:
		return floatText(v)
	}
	return v.(string)
}

func floatText(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	switch s {
	case "+Inf":
		return "Infinity"
	case "-Inf":
		return "-Infinity"
	}
	return s
}
