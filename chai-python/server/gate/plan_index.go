package gate

import (
	"fmt"
	"strconv"
	"time"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// createIndexPlan is CREATE INDEX. On a table with rows it writes an entry for each in one transaction: the engine sees to
// it that a large one does nothing else.
type createIndexPlan struct {
	binder *binder
	index  *syntax.CreateIndex
}

func (b *binder) createIndexPlan(s *syntax.CreateIndex) (*createIndexPlan, error) {
	const hint = "Create a plain index on one column."
	switch {
	case s.Unique:
		return nil, b.fail(s.At, pgerr.FeatureNotSupported, "unique indexes are not supported").
			WithHint("The primary key is what is unique.")
	case len(s.Columns) > 1:
		return nil, b.fail(s.Columns[1].Name.At, pgerr.FeatureNotSupported, "indexes on several columns are not supported").WithHint(hint)
	case s.Columns[0].Descending:
		return nil, b.fail(s.Columns[0].Name.At, pgerr.FeatureNotSupported, "descending indexes are not supported").
			WithHint(hint + " It is read in both directions.")
	}
	return &createIndexPlan{b, s}, nil
}

func (p *createIndexPlan) bytes([]any) int { return 128 }

func (p *createIndexPlan) execute(x *execution) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	b := p.binder.beside(w)
	t, err := b.findTable(p.index.Table)
	if err != nil {
		return nil, err
	}
	place, ok := t.places[p.index.Columns[0].Name.Text]
	if !ok {
		return nil, b.fail(p.index.Columns[0].Name.At, pgerr.UndefinedColumn, "column \"%s\" does not exist", p.index.Columns[0].Name.Text)
	}
	result := &Result{Tag: "CREATE INDEX"}
	name := p.index.Name.Text
	switch {
	case name == "":
		name = freeIndexName(b.catalogue, t, place)
	case relationExists(b.catalogue, name) && p.index.IfNotExists:
		result.Notices = []string{fmt.Sprintf("relation \"%s\" already exists, skipping", name)}
		return result, nil
	case relationExists(b.catalogue, name):
		return nil, b.fail(p.index.Name.At, pgerr.DuplicateTable, "relation \"%s\" already exists", name)
	}
	sentence := "CREATE INDEX " + quote(engine.StoredRelation(name)) + " ON " + t.quoted + " (" + t.columns[place] + ")"
	return result, w.DefineIndex(sentence, func(value any) error { return t.indexable(place, value, x.limits) })
}

// indexable refuses a value that may stand in its column, but not in an index.
func (t *table) indexable(place int, value any, limits Limits) error {
	switch v := value.(type) {
	case string:
		return t.checkKey(place, len(v), limits)
	case []byte:
		return t.checkKey(place, len(v), limits)
	case time.Time:
		_, err := t.storedTimestamp(place, v)
		return err
	}
	return engine.Indexable(value)
}

// freeIndexName makes a name as PostgreSQL does: table_column_idx, then with a number.
func freeIndexName(c *engine.Catalogue, t *table, place int) string {
	for i := 0; ; i++ {
		label := "idx"
		if i > 0 {
			label += strconv.Itoa(i)
		}
		name := objectName(label, t.name, t.names[place])
		if !relationExists(c, name) {
			return name
		}
	}
}
