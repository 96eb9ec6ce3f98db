package differential

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Arrays, which stand on the right of = ANY and <> ALL.

var arrayOIDs = [kinds]uint32{1007, 1016, 1022, 1009, 1001, 1115, 1000}

// quantified looks something up in an array.
func (g *generator) quantified(depth int) string {
	k := g.kindOfColumn()
	x := g.operand(k, depth)
	if name := g.columnOf(k); g.columns && name != "" && chance(g.r, 70) {
		x = name
	}
	op := pick(g.r, []string{" = ANY ", " = ANY", " = any ", " = SOME ", " <> ALL ", " != ALL", " <> ALL "})
	if chance(g.r, 3) {
		op = pick(g.r, []string{" < ANY ", " <> ANY ", " = ALL "})
	}
	if chance(g.r, 5) {
		k = kind(g.r.IntN(int(kinds)))
	}
	return x + op + "(" + g.array(k, depth) + ")"
}

func (g *generator) array(k kind, depth int) string {
	var x string
	switch {
	case g.s.mode != simple && chance(g.r, 45):
		x = g.arrayParameter(k)
	case chance(g.r, 50):
		x = "ARRAY[" + g.list(g.r.IntN(4), func() string { return g.operand(k, depth) }) + "]"
	case chance(g.r, 5):
		x = pick(g.r, []string{"NULL", "1", "'x'", "k", "now()", "true", "'{{1,2},{3,4}}'", "'[0:1]={1,2}'", "ARRAY[ARRAY[1]]"})
	default:
		x = quoteText(g.r, g.arrayText(k))
	}
	if chance(g.r, 30) {
		g.mayFail()
		to := pick(g.r, castNames[k])
		if chance(g.r, 50) {
			return x + "::" + to + "[]"
		}
		return "CAST(" + x + " AS " + to + "[])"
	}
	return x
}

func (g *generator) arrayParameter(k kind) string {
	p := param{value: []byte(g.arrayText(k))}
	if chance(g.r, 5) {
		p.value = nil
	}
	if chance(g.r, 60) {
		if p.oid = arrayOIDs[k]; chance(g.r, 50) && p.value != nil {
			p.value, p.format = g.arrayBinary(k), 1
		}
	}
	g.s.params = append(g.s.params, p)
	return "$" + strconv.Itoa(len(g.s.params))
}

// arrayText is what the input function is given.
func (g *generator) arrayText(k kind) string {
	if chance(g.r, 4) {
		return pick(g.r, []string{"", "{", "}", "{}}", "{,}", "{a,}", `{"a"b}`, `{a"b"}`, "x", " { } ", "{ a b , \"c\" }", `{\n,"\\"}`, `{"a}`, "{1}x", `{\N}`, `{nUll,"NULL"}`, "{1 2}", `{\}`, "{ 1 ,2\t}"})
	}
	return "{" + g.list(g.r.IntN(5), func() string {
		if chance(g.r, 10) {
			return pick(g.r, []string{"NULL", "null"})
		}
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(g.content(k)) + `"`
	}) + "}"
}

func (g *generator) arrayBinary(k kind) []byte {
	count, flags := g.r.IntN(4), uint32(0)
	var body []byte
	for range count {
		if chance(g.r, 10) {
			flags, body = 1, binary.BigEndian.AppendUint32(body, 0xffffffff)
			continue
		}
		v := binaryValue(g.r, k)
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(v))), v...)
	}
	dimensions := uint32(1)
	if count == 0 {
		dimensions = 0
	}
	var raw []byte
	for _, n := range []uint32{dimensions, flags, kindOIDs[k]} {
		raw = binary.BigEndian.AppendUint32(raw, n)
	}
	if count > 0 {
		raw = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(raw, uint32(count)), 1)
	}
	return append(raw, body...)
}

// settledArrays are statements about them.
var settledArrays = []string{
	`INSERT INTO t (k, i, b, d, y, ts, o) VALUES ('aa', 1, 10, 1.5, '\x01', '2025-01-01', true), ('ab', 2, 20, 2.5, '\x02', '2025-01-02', false), ('ac', NULL, NULL, NULL, NULL, NULL, NULL) ON CONFLICT (k) DO NOTHING`,
	`SELECT k FROM t WHERE k = ANY ('{aa,"ab",NULL,aa}') ORDER BY k`, `SELECT k FROM t WHERE k = ANY (ARRAY['aa', 'zz', 'ab']) ORDER BY k`, `SELECT k FROM t WHERE k = SOME (ARRAY['aa']::text[]) ORDER BY k`, `SELECT k FROM t WHERE k = ANY ('{}')`, `SELECT k FROM t WHERE k = ANY (NULL)`, `SELECT k FROM t WHERE k = ANY (ARRAY[]::text[])`,
	`SELECT k FROM t WHERE k <> ALL ('{aa,zz}') AND k LIKE 'a_' ORDER BY k`, `SELECT k FROM t WHERE k <> ALL ('{aa,NULL}')`, `SELECT count(*) > 2 FROM t WHERE k != ALL ('{}'::text[])`, `SELECT k FROM t WHERE ts = ANY ('{2025-01-01,"2025-01-02 00:00:00"}') ORDER BY k`, `SELECT k FROM t WHERE ts = ANY ('{2025-01-01 00:00+00}'::timestamptz[])`,
	`SELECT i = ANY ('{1,NULL}'), i <> ALL (ARRAY[1, 2.5]), b = ANY (ARRAY[10, 20]), d = ANY (ARRAY[1.5, 2]), y = ANY ('{"\\x01",a}'), o = ANY ('{t,false}'), i = ANY ('{1.5,2}'::float8[]), i = ANY ('{1.0,2}'::numeric[]), d = ANY ('{1.5}'::numeric[]), i = ANY (ARRAY[i, 7]), i = ANY (ARRAY['1', '2']::int[]), i = ANY (ARRAY[1.6, 0.4]::int[]) FROM t WHERE k LIKE 'a_' ORDER BY k`,
	`SELECT 'a' = ANY ('{a}'), 'a' = ANY (ARRAY['a'::varchar]), NULL = ANY ('{}'), NULL = ANY ('{a}'), NULL <> ALL ('{}'::int[]), 'a' <> ALL ('{b}'), 1 = ANY ('{ 1 , 2 }'), 'a b' = ANY ('{ a b , "c" }'), 'NULL' = ANY ('{"NULL"}'), 'x' = ANY ('{NULL}'), '' = ANY ('{""}'), '\' = ANY (E'{\\\\}'), 'NULL' = ANY (E'{\\NULL}'), current_user = ANY ('{x}'), date '2025-01-01' = ANY ('{2025-01-01}'), interval '1 day' = ANY ('{24:00}'), 1.5 = ANY ('{1.50}'), now() = ANY ('{2025-01-01}')`,
	`SELECT 1 = ANY ('{1,x}')`, `SELECT 1 = ANY ('x')`, `SELECT 'a' = ANY ('{a')`, `SELECT 'a' = ANY ('{,}')`, `SELECT 'a' = ANY ('{a,}')`, `SELECT 'a' = ANY ('{"a"b}')`, `SELECT 'a' = ANY ('{a"b"}')`, `SELECT 'a' = ANY ('{a}}')`, `SELECT 'a' = ANY ('')`, `SELECT 'a' = ANY (E'{\\')`, `SELECT 'a' = ANY ('{"a')`,
	`SELECT 1 = ANY (1)`, `SELECT 1 = ANY (i) FROM t`, `SELECT k = ANY ('{1}'::int[]) FROM t`, `SELECT 1 = ANY (ARRAY['a'])`, `SELECT 1 = ANY (ARRAY[])`, `SELECT 1 = ANY (ARRAY[1, true])`, `SELECT 1 = ANY (ARRAY[1, 'x'])`, `SELECT 1 = ANY ('{true}'::bool[])`, `SELECT i = ANY (ARRAY[3000000000]) FROM t WHERE k = 'aa'`, `SELECT 1 = ANY`, `SELECT 1 = ANY ()`, `SELECT 1 = ANY (ARRAY[1)`, `SELECT 1 = ANY ('{99999999999}')`, `SELECT 1 = ANY (ARRAY[1 / 0])`, `SELECT 1 = ANY ('{a}'::text[]::int[])`,
	`SELECT 1 = ANY ('{1,2}'::int[]::text[]::int[]), NOT 1 = ANY ('{1}'), 1 = ANY ('{1}') AND true, true = (1 = ANY ('{1}')), (1 = ANY ('{1}')) IS NULL`, `UPDATE t SET s = 'any' WHERE k = ANY ('{aa,ac}') RETURNING k`, `DELETE FROM t WHERE k = ANY (ARRAY['aa', 'ab', 'ac']) RETURNING k`,
}
