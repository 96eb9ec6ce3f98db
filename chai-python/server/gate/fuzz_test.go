package gate_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// fuzzSeeds are the statements of the session store, and others that show what SQL looks like.
func fuzzSeeds(f *testing.F) []string {
	text, err := os.ReadFile("../testdata/statements.sql")
	if err != nil {
		f.Fatal(err)
	}
	return append(strings.Split(strings.TrimSpace(string(text)), "\n"), psqlQueries(f)...)
}

// fuzzCatalogue has the tables that the seeds name.
func fuzzCatalogue() *engine.Catalogue {
	sessions := &engine.Table{Name: "sessions", PrimaryKey: []string{"token"}, Columns: []engine.Column{
		{Name: "token", Type: engine.TypeText, NotNull: true}, {Name: "data", Type: engine.TypeBytea, NotNull: true},
		{Name: "expiry", Type: engine.TypeTimestamp, NotNull: true},
	}, Indexes: []engine.Index{{Name: "idx_sessions_expiry", Table: "sessions", Columns: []string{"expiry"}}}}
	return engine.NewCatalogue(1, append(testCatalogue(1).Tables(), sessions)...)
}

// FuzzPrepare: no text makes the gate panic, what it refuses it refuses with an SQLSTATE that is not its own fault, and a
// plan from the cache is the plan.
func FuzzPrepare(f *testing.F) {
	for i, seed := range fuzzSeeds(f) {
		f.Add(seed, uint32(0))
		f.Add(seed, []uint32{gate.Text.OID, gate.Int4.OID, gate.Unknown.OID, gate.Timestamptz.OID, 4711}[i%5])
	}
	c, g := fuzzCatalogue(), gate.New(gate.Limits{})
	f.Fuzz(func(t *testing.T, sql string, declared uint32) {
		p, err := g.Prepare(sql, []uint32{declared}, c)
		if err != nil {
			checkRefusal(t, sql, err)
			return
		}
		if again, err := g.Prepare(sql, []uint32{declared}, c); err != nil || !reflect.DeepEqual(again.Params, p.Params) ||
			!reflect.DeepEqual(again.Columns, p.Columns) || again.Access != p.Access || again.Verb != p.Verb {
			t.Errorf("%q: prepared as %+v, then %+v, %v", sql, p, again, err)
		}
		p.Bytes(make([]any, len(p.Params)))
		if p.Access != gate.None && p.Access != gate.Read || p.Verb != gate.Select {
			return
		}
		r, err := p.Run(catalogueReader{catalogue: c}, make([]any, len(p.Params)), testNow, new(gate.Meter))
		if err != nil {
			checkRefusal(t, sql, err)
			return
		}
		if p.Access == gate.None && len(r.Rows) > 1 {
			t.Errorf("%q: rows %v", sql, r.Rows)
		}
		for _, row := range r.Rows {
			if len(row) != len(p.Columns) {
				t.Errorf("%q: row %v of columns %v", sql, row, p.Columns)
			}
		}
	})
}

func checkRefusal(t *testing.T, sql string, err error) {
	t.Helper()
	var e *pgerr.Error
	if !errors.As(err, &e) || e.Code == pgerr.InternalError || e.Code == "" || e.Message == "" {
		t.Errorf("%q: %v", sql, err)
	}
}
