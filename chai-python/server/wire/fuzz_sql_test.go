package wire

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// How FuzzSQL runs its text.
const (
	fuzzBinaryIn  = 1 << iota // parameters are binary
	fuzzBinaryOut             // so are results
	fuzzNulls                 // every other parameter is NULL
	fuzzSuspended             // rows are fetched two at a time
)

// FuzzSQL: any text, by the simple and by the extended protocol, with any parameters, on a real engine: no answer is an
// internal error, none ends the connection, and both protocols read the same rows.
func FuzzSQL(f *testing.F) {
	for i, seed := range fuzzSeeds(f) {
		f.Add(seed, "a", "2025-01-01", uint8(i))
		f.Add(seed+"; SELECT * FROM t", "\x00\x00\x00\x01", "7", uint8(i>>1))
		f.Add("BEGIN; "+seed, "-1", `\x00`, uint8(0))
	}
	s := startFuzzServer(f)
	f.Fuzz(func(t *testing.T, sql, a, b string, mode uint8) {
		if strings.Contains(sql, "\x00") {
			t.Skip() // ends the text; FuzzMessages does that
		}
		c := s.connect(t)
		simple := c.ask(t, query(sql))
		c.ask(t, query("ROLLBACK"))
		extended := c.extended(t, sql, []string{a, b}, mode)
		c.ask(t, query("ROLLBACK"))
		if again := c.ask(t, query(sql)); mode == 0 && sameEachTime(sql, simple, again) {
			if len(extended) == 0 || strings.Join(rowsOf(simple), "\n") != strings.Join(rowsOf(extended), "\n") {
				t.Errorf("%q: simple %q, extended %q", sql, simple, extended)
			}
		}
		c.ask(t, query("ROLLBACK"))
		c.send(&pgproto3.Terminate{})
		c.expect("EOF")
		s.settle(t)
	})
}

// ask sends messages and reads up to ReadyForQuery, which must come.
func (c *client) ask(t *testing.T, list ...pgproto3.FrontendMessage) []string {
	t.Helper()
	c.send(list...)
	got := c.untilReady()
	for _, m := range got {
		if m == "EOF" || m == "ERROR XX000" || strings.HasPrefix(m, "FATAL") {
			t.Errorf("%+v: %q", list, got)
		}
	}
	if got[len(got)-1] == "EOF" {
		t.FailNow()
	}
	return got
}

// extended runs a statement with as many parameters as it wants. It gives no replies where the statement could not be
// parsed as one.
func (c *client) extended(t *testing.T, sql string, values []string, mode uint8) []string {
	t.Helper()
	c.send(parse("s", sql), describe('S', "s"), syncing)
	count, ok := 0, false
	for {
		m, err := c.f.Receive()
		if err != nil {
			t.Fatalf("%q: %v", sql, err)
		}
		if p, isParams := m.(*pgproto3.ParameterDescription); isParams {
			count, ok = len(p.ParameterOIDs), true
		}
		if e, isError := m.(*pgproto3.ErrorResponse); isError && (e.Code == "XX000" || e.Severity == "FATAL") {
			t.Errorf("%q: %s %s", sql, e.Code, e.Message)
		}
		if _, isReady := m.(*pgproto3.ReadyForQuery); isReady {
			break
		}
	}
	if !ok {
		return nil
	}
	m := &pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{int16(mode & fuzzBinaryIn)}, ResultFormatCodes: []int16{int16(mode & fuzzBinaryOut / fuzzBinaryOut)}}
	for i := range count {
		if mode&fuzzNulls != 0 && i%2 == 1 {
			m.Parameters = append(m.Parameters, nil)
		} else {
			m.Parameters = append(m.Parameters, []byte(values[i%len(values)]))
		}
	}
	limit := uint32(0)
	if mode&fuzzSuspended != 0 {
		limit = 2
	}
	return c.ask(t, m, describe('P', ""), execute("", limit), execute("", limit), syncing)
}

// sameEachTime tells whether a text is one SELECT that was answered the same twice, and will be a third time.
func sameEachTime(sql string, first, second []string) bool {
	tags := 0
	for _, m := range first {
		if strings.HasPrefix(m, "SELECT ") {
			tags++
		}
		if strings.HasPrefix(m, "ERROR") || strings.HasPrefix(m, "Columns chaisqld_check") {
			return false
		}
	}
	lower := strings.ToLower(sql)
	return tags == 1 && first[len(first)-2] == second[len(second)-2] && strings.Join(first, "\n") == strings.Join(second, "\n") &&
		!strings.Contains(lower, "current") && !strings.Contains(lower, "local") && !strings.Contains(lower, "now") && !strings.Contains(lower, ";")
}

func rowsOf(replies []string) []string {
	var rows []string
	for _, m := range replies {
		if strings.HasPrefix(m, "Row ") {
			rows = append(rows, m)
		}
	}
	return rows
}
