package gate_test

import (
	"strings"
	"testing"

	"chaisqld/gate"
	"chaisqld/pgerr"
)

// shown runs a SELECT and writes its rows as a client sees them.
func (d *database) shown(sql string, args ...any) string {
	d.Helper()
	p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
	if err != nil {
		d.Fatalf("%s: %s", sql, describe(err))
	}
	r, err := d.runPlan(p, args...)
	if err != nil {
		d.Fatalf("%s %v: %s", sql, args, describe(err))
	}
	var lines []string
	for _, row := range r.Rows {
		var values []string
		for i, v := range row {
			text := []byte("NULL")
			if v != nil {
				if text, err = gate.AppendText(nil, p.Columns[i].Type, v); err != nil {
					d.Fatal(err)
				}
			}
			values = append(values, string(text))
		}
		lines = append(lines, strings.Join(values, "|"))
	}
	return strings.Join(lines, "\n")
}

// answers compares what SELECTs give, as shown writes it, or ERROR and a SQLSTATE.
func (d *database) answers(wanted map[string]string) {
	d.Helper()
	for sql, want := range wanted {
		if code, fails := strings.CutPrefix(want, "ERROR "); fails {
			d.fails(code, sql)
		} else if got := d.shown(sql); got != want {
			d.Errorf("%s:\n got %s\nwant %s", sql, got, want)
		}
	}
}

// TestFunctions are what PostgreSQL answers. More of them are compared with it, see the package differential.
func TestFunctions(t *testing.T) {
	d := openMemory(t)
	d.answers(map[string]string{
		`SELECT initcap('hello wORLD'), reverse('aé🜁'), ascii('é'), chr(233), starts_with('abc', 'ab')`:                                            `Hello World|🜁éa|233|é|t`,
		`SELECT TRIM(' a '), TRIM(LEADING 'x' FROM 'xax'), btrim('xyxaxy', 'xy'), rtrim('éaé', 'é'), btrim('\x010201'::bytea, '\x01')`:             `a|ax|a|éa|\x02`,
		`SELECT replace('abcabc', 'b', 'xx'), replace('abc', '', 'x'), POSITION('é' IN 'aé'), strpos('abc', 'z'), position('\x62'::bytea in 'ab')`: `axxcaxxc|abc|2|0|2`,
		`SELECT left('aéc', 2), left('aéc', -1), right('aéc', 2), right('aéc', -1), left('a', 9), right('abc', -2147483648)`:                       `aé|aé|éc|éc|a|abc`,
		`SELECT lpad('abc', 5), lpad('abc', 2), rpad('abc', 7, 'éü'), lpad('', 3, 'é'), repeat('ab', 2), repeat('ab', -1)`:                         `  abc|ab|abcéüéü|ééé|abab|`,
		`SELECT split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1), split_part('a', ',', 2), split_part('a', '', 1)`:                        `b|c||a`,
		`SELECT SUBSTRING('aéc' FROM 2), SUBSTRING('abc' FOR 2), substr('abc', -1, 3), SUBSTRING('\x010203'::bytea FROM 2 FOR 1)`:                  `éc|ab|a|\x02`,
		`SELECT OVERLAY('abcdef' PLACING 'XX' FROM 2), OVERLAY('abcdef' PLACING 'X' FROM 2 FOR 3), OVERLAY('abc' PLACING 'x' FROM 2 FOR -1)`:       `aXXdef|aXef|axabc`,
		`SELECT md5('a'), sha256('')`: `0cc175b9c0f1b6a831c399e269772661|\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`,
		`SELECT encode('\x0102ff', 'hex'), encode('a\\b\000', 'escape'), encode('ab', 'base64'), decode('aGk=', 'base64'), decode(' 61 62', 'hex')`:                               `0102ff|a\\b\000|YWI=|\x6869|\x6162`,
		`SELECT concat('a', 1, true, NULL, 1.50), concat_ws(',', 1, NULL, 'x'), concat_ws(NULL, 1), to_hex(-1), to_hex(255::bigint)`:                                              `a1t1.50|1,x|NULL|ffffffff|ff`,
		`SELECT abs(-1.50), round(2.5), round(2.5::float8), round(1234.567, -2), trunc(-1.57, 1), ceil(-0.5), floor(-1.5), sign(-2), mod(-7, 3), div(7.5, 2), sqrt(2), sqrt(2.0)`: `1.50|3|2|1200|-1.5|0|-2|-1|-1|3|1.4142135623730951|1.414213562373095`,
		`SELECT abs(-2147483648)`: `ERROR 22003`, `SELECT sqrt(-1.0)`: `ERROR 2201F`, `SELECT substr('abc', 2, -1)`: `ERROR 22011`, `SELECT trunc('1.5')`: `ERROR 42725`, `SELECT to_hex(1::smallint)`: `ERROR 42725`,
		`SELECT length(1)`: `ERROR 42883`, `SELECT left('a', 1::bigint)`: `ERROR 42883`, `SELECT substring('abc' FROM 'b')`: `ERROR 0A000`, `SELECT power(2, 3)`: `ERROR 0A000`, `SELECT concat($1)`: `ERROR 42P18`,
	})
}

// TestUnknownFunctions: what PostgreSQL has is told apart from what nobody has.
func TestUnknownFunctions(t *testing.T) {
	d := openMemory(t)
	for _, name := range strings.Fields(`pg_typeof setval nextval to_regclass txid_current pg_advisory_lock current_schemas pg_sleep set_config array_length
		jsonb_build_object random row_number now_there_is_none power`) {
		e := d.fails(map[bool]string{true: pgerr.UndefinedFunction, false: pgerr.FeatureNotSupported}[name == "now_there_is_none"], `SELECT `+name+`('a', 'b')`)
		if e.Hint == "" {
			t.Errorf("%s: no hint", name)
		}
	}
}

// TestFunctionsAreBounded: a short statement makes no value longer than all memory.
func TestFunctionsAreBounded(t *testing.T) {
	d := openMemory(t)
	long := strings.Repeat("x", 1<<20)
	for _, sql := range []string{
		`SELECT length(repeat($1, 17))`, `SELECT length(repeat($1, 2147483647))`, `SELECT length(lpad($1, 1000000000))`, `SELECT length(rpad('', 17000000, $1))`, `SELECT length(replace($1, 'x', '01234567890123456789'))`,
		`SELECT length(overlay(repeat($1, 16) PLACING $1 FROM 1 FOR 0))`, `SELECT length(encode(decode(repeat($1, 16), 'escape'), 'hex'))`, `SELECT length(concat(repeat($1, 16), $1))`, `SELECT length(concat_ws(repeat($1, 16), 'a', 'b'))`,
		`SELECT length(encode(decode(repeat('\377', 5000000), 'escape'), 'escape')), length($1)`,
	} {
		if e := d.fails(pgerr.ProgramLimitExceeded, sql, long); !strings.Contains(e.Message, "16777216") {
			t.Errorf("%s: %s", sql, describe(e))
		}
	}
	d.rows([][]any{{int64(16 << 20)}}, `SELECT length(repeat($1, 16))`, long)
}
