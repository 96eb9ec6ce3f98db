package gate

import (
	"strings"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
)

// truncatePlan is TRUNCATE: each table is dropped, which takes no longer for many rows than for few, and made again as it was,
// in a transaction of its own.
type truncatePlan struct {
	binder   *binder
	truncate *syntax.Truncate
}

func (p *truncatePlan) bytes([]any) int { return len(p.truncate.Names) * 256 }

func (p *truncatePlan) execute(x *execution) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	b := p.binder.beside(w)
	var tables []*table
	for _, name := range p.truncate.Names { // all have to be there before the first is emptied
		t, err := b.truncated(name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	for _, t := range tables {
		for _, sentence := range t.definition() {
			if err := w.Define(sentence); err != nil {
				return nil, err
			}
		}
	}
	return &Result{Tag: "TRUNCATE TABLE"}, nil
}

func (b *binder) truncated(name syntax.Name) (*table, error) {
	stored := engine.StoredRelation(name.Text)
	if i := b.catalogue.Index(stored); i != nil && i.Name == stored {
		return nil, b.fail(name.At, wrongObjectType, "\"%s\" is not a table", name.Text)
	}
	return b.findTable(name)
}

// definition is the sentences that drop a table and make it again.
func (t *table) definition() []string {
	var parts []string
	for i, c := range t.Columns {
		part := t.columns[i] + " " + c.Type.String()
		switch {
		case i == t.key:
			part += " PRIMARY KEY"
		case c.NotNull:
			part += " NOT NULL"
		}
		if c.Default != "" {
			part += " DEFAULT " + c.Default
		}
		parts = append(parts, part)
	}
	list := []string{"DROP TABLE " + t.quoted, "CREATE TABLE " + t.quoted + " (" + strings.Join(parts, ", ") + ")"}
	for _, i := range t.Indexes {
		list = append(list, "CREATE INDEX "+quote(i.Name)+" ON "+t.quoted+" ("+quote(i.Columns[0])+")")
	}
	return list
}
