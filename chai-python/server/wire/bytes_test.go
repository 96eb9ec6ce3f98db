package wire

import (
	"testing"

	"chaisqld/engine"
	"chaisqld/gate"
)

// The size of a group commit is the sum of what its statements say.
func TestBytesOfABatch(t *testing.T) {
	table := &engine.Table{Name: "t", PrimaryKey: []string{"k"}, Columns: []engine.Column{
		{Name: "k", Type: engine.TypeText, NotNull: true}, {Name: "b", Type: engine.TypeBytea}}}
	g := gate.New(gate.Limits{})
	portalOf := func(sql string, args ...any) step {
		plan, err := g.Prepare(sql, nil, engine.NewCatalogue(1, table))
		if err != nil {
			t.Fatal(err)
		}
		return step{portal: &portal{plan: plan, args: args}, fresh: true}
	}
	put := func(size int) step { return portalOf("INSERT INTO t VALUES ($1, $2)", "k", make([]byte, size)) }
	one, empty := bytesOf([]step{put(5000)}), bytesOf([]step{put(0)})
	if one-empty != 5000 || empty <= 0 {
		t.Errorf("a row of 5000 bytes counts as %d, an empty one as %d", one, empty)
	}
	steps := []step{put(5000), portalOf("SELECT * FROM t"), {err: engine.ErrFailedTransaction}, portalOf("BEGIN"), put(5000), {portal: &portal{}}, portalOf("DELETE FROM t WHERE k = $1", "k")}
	if all := bytesOf(steps); all < 2*one || all > 2*one+200 {
		t.Errorf("a batch of two such rows counts as %d", all)
	}
}
