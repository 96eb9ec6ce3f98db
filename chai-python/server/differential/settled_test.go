package differential

import (
	"slices"
	"testing"
)

// TestSettledStatements runs statements that somebody has thought of, one after the other on one table that begins empty.
// Each runs through both protocols, and none of them may be refused or differ.
func TestSettledStatements(t *testing.T) {
	ours, theirs := bothServers(t)
	c := &comparison{T: t, theirs: theirs, ours: ours, counts: map[string]int{}}
	c.table = &table{columns: []tableColumn{{name: "k"}}}
	for _, mode := range []mode{simple, prepared} {
		for _, list := range [][]string{slices.Concat(settledStatements, settledFunctions, settledTimes, settledArrays), settledGroups, settledQueries, settledSubqueries} {
			c.settle(mode, list)
		}
	}
}

func (c *comparison) settle(mode mode, list []string) {
	c.Helper()
	for _, sql := range []string{
		`DROP TABLE IF EXISTS t`,
		`CREATE TABLE t (k TEXT PRIMARY KEY, i INTEGER, b BIGINT, d DOUBLE PRECISION, y BYTEA, ts TIMESTAMP, o BOOLEAN, s TEXT NOT NULL DEFAULT 'dflt')`,
		`CREATE INDEX ON t (ts)`,
	} {
		c.both(sql)
	}
	for _, sql := range list {
		s := &statement{sql: sql, mode: mode, binaryOut: mode == prepared, ordered: true}
		if ours, theirs := ask(c.ours, s), ask(c.theirs, s); !agree(s, ours, theirs) {
			c.report("difference", s, c.state(), ours, theirs)
		}
	}
}

var settledStatements = []string{
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
	// numeric constants
	`SELECT 1.5, 1.50, .5, 5., 1e3, 1e-3, 1.5e1, -0.0, 9223372036854775808, -9223372036854775809, 1.5 + 1, 0.1 + 0.2, 1.5 * 1.5, 1.0 / 3, 10 / 4.0, 7.5 % 2, -7.5 % 2, 1e20 / 3, 1 / 3e20`,
	`SELECT 1.5 = 1, 2.5 > 2, 1.0 = 1, 0.1 + 0.2 = 0.3, 0.1::float8 + 0.2 = 0.3, 9007199254740993 = 9007199254740993.0, 9007199254740993 = 9007199254740993.0::float8`,
	`SELECT 1.5::int, 2.5::int, -2.5::int, 1.5::text, 1.5::float8, 1::numeric, 0.1::float8::numeric, '1.50'::numeric, 1.5::bigint`, `SELECT 1.5::bool`, `SELECT 1.0 / 0`, `SELECT 1.5 % 0`, `SELECT 1e10::int`, `SELECT 1e400::float8`,
	`SELECT k FROM t WHERE i > 1.5 ORDER BY k`, `SELECT k FROM t WHERE b < -1.5 OR i = 1.0 OR d = 1.5 ORDER BY k`, `SELECT i FROM t WHERE i BETWEEN -0.5 AND 1e30`, `SELECT i FROM t WHERE i IN (1, 1.0, 2.5)`, `SELECT i FROM t WHERE i = 1.5 OR i <> 0.5 ORDER BY k`, `SELECT i IS DISTINCT FROM 1.0, NULLIF(i, 1.0), GREATEST(i, 0.5) FROM t ORDER BY k`,
	// LIKE
	`SELECT 'abc' LIKE 'a%', 'abc' LIKE '_b_', 'abc' LIKE 'b', 'a%c' LIKE 'a\%c', 'abc' LIKE 'a\%c', 'abc' NOT LIKE '%c', 'ABC' ILIKE 'a%', 'É' ILIKE 'é', 'é' LIKE '_', '' LIKE '%', '' LIKE '_', '' LIKE ''`,
	`SELECT 'a_c' LIKE 'a!_c' ESCAPE '!', 'a!c' LIKE 'a!!c' ESCAPE '!', 'a\c' LIKE 'a\c' ESCAPE '', 'aXbXc' LIKE '%X%X%', 'ab' LIKE '%%_', NULL LIKE 'a', 'a' LIKE NULL, '\x6162'::bytea LIKE 'a_', '\xff61'::bytea LIKE '_a'`,
	`SELECT 'a' LIKE 'a\'`, `SELECT 'b' LIKE 'a\'`, `SELECT 'a' LIKE 'a' ESCAPE 'xy'`, `SELECT 1 LIKE 'a'`, `SELECT 'a' LIKE 1`, `SELECT '\x61'::bytea ILIKE 'a'`,
	// what is said in several ways
	`SELECT 1 IS DISTINCT FROM 2, NULL IS DISTINCT FROM 1, NULL IS NOT DISTINCT FROM NULL, 1 IS DISTINCT FROM NULL, 1 IS DISTINCT FROM 1.0, NULL IS UNKNOWN, true IS NOT UNKNOWN`,
	`SELECT 1 IS NULL = false, NOT 1 IS NULL, true = NOT false, 1 + 2 IS NOT NULL, 1 BETWEEN 0 AND 2 IS TRUE, 2 IN (1, 2) = true, 1 < 2 IS TRUE`, `SELECT 1 BETWEEN 0 AND 1 BETWEEN true AND true`, `SELECT 1 < 2 < 3`,
	`SELECT lower('ABCÉ'), upper('abcé'), length('é🜁'), length('\xffff'::bytea), octet_length('é'), char_length('')`, `SELECT lower(1)`, `SELECT length()`,
	`SELECT count(*)`, `SELECT count(*), max(1), min('x') WHERE false`, `SELECT - '5'`, `SELECT + '5'`, `SELECT 1 AS true, 2 "a""b", 3 value`,
	`SELECT 0.1 IN (0.1, 0.1::real), 16777217 IN (16777217, 1.5::real), 0.1::float8 IN (0.1, 0.1::real), '0.1' IN (0.1, 0.1::real)`, `SELECT 1::real IN (NULL, 5e-324, 1)`,
	// choosing
	`SELECT CASE WHEN true THEN 1 WHEN 1 / 0 = 1 THEN 2 ELSE 1 / 0 END, CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END, CASE WHEN NULL THEN 1 END, CASE NULL WHEN NULL THEN 1 ELSE 2 END, CASE 1 WHEN 1.0 THEN 'x' END`,
	`SELECT CASE WHEN false THEN 1 ELSE 2.5 END, CASE WHEN true THEN 1 ELSE 2.5::real END, CASE WHEN true THEN '1' ELSE 2 END, CASE WHEN true THEN NULL END, CASE WHEN true THEN now() ELSE localtimestamp END IS NULL`,
	`SELECT CASE WHEN false THEN 1 / 0 ELSE 1 END`, `SELECT CASE WHEN i > 0 THEN 1 / 0 END FROM t`, `SELECT CASE WHEN k = '' THEN i ELSE 1 / (i - i) END FROM t`, `SELECT CASE WHEN 1 THEN 2 END`, `SELECT CASE 1 WHEN 'x' THEN 2 END`, `SELECT CASE 1 WHEN true THEN 2 END`,
	`SELECT CASE WHEN true THEN 1 ELSE 'x' END`, `SELECT CASE WHEN true THEN 1 ELSE true END`, `SELECT CASE END`, `SELECT CASE ELSE 1 END`, `SELECT CASE WHEN true THEN 1`, `SELECT CASE WHEN true THEN k ELSE s END, CASE WHEN true THEN 1 ELSE lower(s) END, CASE WHEN true THEN 1 ELSE i::bigint END, CASE WHEN true THEN 1 ELSE 2::bigint END FROM t`,
	`SELECT COALESCE(NULL, 1, 1 / 0), COALESCE(NULL, NULL), COALESCE(NULL, 'a', 'b'), COALESCE(1, 2.5), COALESCE(NULL::int, 3::bigint), coalesce('x', NULL::varchar)`, `SELECT COALESCE(NULL, 1 / 0, 1)`, `SELECT COALESCE()`, `SELECT COALESCE(1, 'x')`, `SELECT COALESCE(1, true)`, `SELECT COALESCE(i, 1 / 0) FROM t`,
	`SELECT NULLIF(1, 1), NULLIF(1, 2), NULLIF(NULL, 1), NULLIF(1, NULL), NULLIF('a', 'a'), NULLIF(1, 1.5), NULLIF(1, 1.0::float8), NULLIF(1::bigint, 2)::text, NULLIF('a', 'b')`, `SELECT NULLIF(1)`, `SELECT NULLIF(1, 'x')`, `SELECT NULLIF(1, true)`,
	`SELECT GREATEST(1, 3, 2), LEAST(1, NULL, 2.5), GREATEST(NULL, NULL), GREATEST('a', 'B'), LEAST('nan'::float8, 1), GREATEST('nan'::real, 1), GREATEST(1, '2'), LEAST('\x61'::bytea, 'b')`, `SELECT GREATEST(1, 'x')`, `SELECT LEAST(1, true)`, `SELECT GREATEST()`, `SELECT greatest(true, false)`,
	`SELECT 'a' || 'b', 'a' || 1, 1 || 'a', 'a' || NULL, true || 'x'::text, 1.50 || 'x'::text, 'x' || now() IS NULL, '\x61'::bytea || '\x62', '\x61' || '\x62'::bytea, '\x61'::bytea || 'a'::text, 'a'::varchar || 'b', 'a' || 'b' || 1`, `SELECT 1 || 2`, `SELECT true || false`, `SELECT '\x61'::bytea || 1`,
	`SELECT 'a' || 'b' = 'ab', 'a' || 'b' LIKE 'a%', 1 + 2 || 'x', 'x' || 1 + 2`, `SELECT 'x' || 1 IN ('x1'), 'a' || 'c' BETWEEN 'ab' AND 'a' || 'd', - 1 || 'x'`, `SELECT k || s FROM t ORDER BY k || s DESC`,
	// errors
	`SELECT`, `SELEC`, `SELECT 1 +`, `SELECT (1`, `SELECT 1)`, `SELECT nosuch`, `SELECT * FROM nosuch`, `SELECT nosuch()`, `SELECT 1::nosuch`, `SELECT 1 = 1 = 1`, `SELECT a.b`,
	`SELECT nosuch FROM t`, `SELECT x.k FROM t`, `SELECT t.nosuch FROM t`, `SELECT k FROM t ORDER BY 9`,
	`SELECT k FROM t ORDER BY 'x'`, `SELECT k, count(*) FROM t`, `SELECT count(*) FROM t WHERE count(*) > 1`, `SELECT k FROM t WHERE k`, `SELECT k FROM t WHERE 1`,
	`INSERT INTO t (nosuch) VALUES (1)`, `INSERT INTO t (k, k) VALUES (1, 2)`, `INSERT INTO t (k) VALUES (1, 2)`, `INSERT INTO t (k, i) VALUES ('a')`,
	`INSERT INTO t (k) VALUES (NULL)`, `INSERT INTO t (k, s) VALUES ('a', NULL)`, `INSERT INTO t (k, i) VALUES ('a', true)`, `INSERT INTO t (k, y) VALUES ('a', 1)`,
	`INSERT INTO t (k, i) VALUES ('a', 3000000000)`, `INSERT INTO t (k, ts) VALUES ('a', 1)`, `INSERT INTO t (k) VALUES (DEFAULT)`,
	`UPDATE t SET nosuch = 1`, `UPDATE t SET i = 1, i = 2`, `UPDATE t SET i = 'x'`, `DELETE FROM t WHERE nosuch = 1`,
	`CREATE TABLE t (a TEXT PRIMARY KEY)`, `CREATE TABLE twice (a TEXT PRIMARY KEY, a TEXT)`, `DROP TABLE nosuch`, `DROP INDEX nosuch`, `CREATE INDEX ON nosuch (a)`, `CREATE INDEX ON t (nosuch)`,
	// rows
	`INSERT INTO t VALUES ('a', 1, 10, 0.5, '\x01', '2025-01-01', true, 'one'), ('b', 2, 20, -1.5, '\x02', '2025-01-02', false, DEFAULT), ('c', NULL, NULL, NULL, NULL, NULL, NULL, DEFAULT) RETURNING *`, `INSERT INTO t VALUES ('r', 1), ('s')`, `SELECT 2.5::int, -2.5::int, (-3.5)::bigint, 2.5::float8::int`,
	`INSERT INTO t VALUES ('a')`, `INSERT INTO t VALUES ('a') ON CONFLICT DO NOTHING`, `INSERT INTO t VALUES ('a'), ('z') ON CONFLICT (k) DO NOTHING RETURNING k`,
	`INSERT INTO t (k, i) VALUES ('a', 5) ON CONFLICT (k) DO UPDATE SET i = t.i + excluded.i, s = DEFAULT RETURNING k, i, s`,
	`INSERT INTO t (k, i) VALUES ('a', 5) ON CONFLICT (k) DO UPDATE SET i = 9 WHERE t.i > 100 RETURNING k`,
	`INSERT INTO t (k) VALUES ('q'), ('q') ON CONFLICT (k) DO UPDATE SET i = 1`, `INSERT INTO t (k) VALUES ('q'), ('q')`,
	`SELECT k FROM t ORDER BY k, 1 / (i - 1)`, `SELECT k FROM t WHERE k = 'a' ORDER BY 1 / (i - i)`, `INSERT INTO t (k) VALUES ('r'), ('z') ON CONFLICT (k) DO UPDATE SET k = 'z'`,
	`INSERT INTO t (k) VALUES ('a') ON CONFLICT (k) DO UPDATE SET i = 1, i = 2 WHERE t.i = 'x'`, `SELECT LIMIT 1`, `SELECT ORDER BY 1`, `SELECT "limit"`,
	`CREATE TABLE p (a TEXT PRIMARY KEY, b TIMESTAMP DEFAULT 'x', b INT)`, `SELECT k FROM t WHERE 1 / (i - i) = 1 AND 1 = 2`, `SELECT k, i / (i - i) > 1 AND false, 1 = 1 OR i / (i - i) > 1 FROM t ORDER BY k`,
	`DROP TABLE IF EXISTS nosuch.t, nosuch`, `DROP INDEX IF EXISTS nosuch.i`, `DROP TABLE nosuch.t`, `SELECT 1::precision`,
	`INSERT INTO t (k) VALUES ('q') ON CONFLICT (i) DO NOTHING`, `INSERT INTO t (k) VALUES ('q') ON CONFLICT DO UPDATE SET i = 1`,
	`INSERT INTO t (k, d, b) VALUES ('n', 1, 2.6) RETURNING d, b`,
	`SELECT * FROM t ORDER BY k`, `SELECT k FROM t ORDER BY i, k`, `SELECT k FROM t ORDER BY i DESC, k`, `SELECT k FROM t ORDER BY i NULLS FIRST, k DESC`, `SELECT k FROM t ORDER BY ts DESC NULLS LAST, 1`,
	`SELECT i AS k, k AS j FROM t ORDER BY k, j`, `SELECT k FROM t ORDER BY -i, k`, `SELECT k, i + 1 AS n FROM t WHERE n = 2`, `SELECT k, i FROM t AS x WHERE x.i >= 2 ORDER BY x.k`,
	`SELECT count(*), count(i), min(i), max(ts), min(k), max(d) FROM t`, `SELECT count(*) + 1, min(i) FROM t WHERE k > 'zz'`, `SELECT min(ts) FROM t WHERE i IS NULL`, `SELECT min(o) FROM t`,
	`UPDATE t SET i = i + 1, d = i WHERE k IN ('a', 'b') RETURNING k, i, d`, `UPDATE t SET i = NULL WHERE i IS NULL`, `UPDATE t SET s = NULL WHERE k = 'a'`, `UPDATE t SET i = i + 2147483647 WHERE i IS NOT NULL`,
	`UPDATE t SET k = 'aa' WHERE k = 'a' RETURNING k`, `UPDATE t SET k = 'b' WHERE k = 'aa'`, `UPDATE t SET i = 2.5 WHERE k = 'b' RETURNING i`, `UPDATE t x SET i = 1 WHERE x.k = 'b'`, `UPDATE t SET i = i / 0 WHERE k = 'b'`,
	`DELETE FROM t WHERE k IN (SELECT k FROM t WHERE ts IS NULL ORDER BY k LIMIT 1) RETURNING k`, `DELETE FROM t WHERE i > 0 AND NOT o RETURNING k`, `SELECT k FROM t WHERE k NOT IN ('aa', 'z') ORDER BY k`, `DELETE FROM t`, `SELECT count(*) FROM t`, `SELECT max(i) FROM t`,
}
