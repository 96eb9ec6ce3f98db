package gate

import (
	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// table is a table of the catalogue with what planning looks up in it.
type table struct {
	*engine.Table
	name    string         // as clients know it
	names   []string       // of the columns
	quoted  string         // as Chai does
	places  map[string]int // column name → place
	types   []Type
	columns []string // of the columns, quoted
	key     int      // place of the primary key
	indexed []bool   // the key, and columns with an index of their own: Chai reads these in order
	entries int      // index entries that each row has, its own included

	made rowSource // nil for a stored table
}

// rowSource makes the rows of a table that is not stored. Like scan.query it ends without an error where emit asks to stop.
type rowSource interface {
	run(x *execution, emit func(row []any) error) error
}

// quote writes an identifier for Chai. Stored names have no character that would need an escape.
func quote(name string) string { return `"` + name + `"` }

func (b *binder) findTable(name syntax.Name) (*table, error) {
	stored := engine.StoredRelation(name.Text)
	t := b.catalogue.Table(stored)
	if t == nil || t.Name != stored {
		return nil, b.fail(name.At, pgerr.UndefinedTable, "relation \"%s\" does not exist", name.Text)
	}
	if why := unusable(t); why != "" {
		return nil, b.fail(name.At, pgerr.FeatureNotSupported, "table \"%s\" cannot be used: %s", name.Text, why)
	}
	return newTable(t), nil
}

// unusable says why statements on a table are refused, "" for a table that Chai handles rightly.
func unusable(t *engine.Table) string {
	if t.Unsupported != "" {
		return t.Unsupported
	}
	if len(t.PrimaryKey) != 1 {
		return "its primary key is not a single column"
	}
	for _, i := range t.Indexes {
		if len(i.Columns) != 1 {
			return "its index " + quote(engine.ShownName(i.Name)) + " has several columns; drop the index"
		}
		if i.Unique {
			return "its index " + quote(engine.ShownName(i.Name)) + " is unique; drop the index"
		}
	}
	return ""
}

func newTable(from *engine.Table) *table {
	t := &table{Table: from, name: engine.ShownName(from.Name), quoted: quote(from.Name), places: map[string]int{}, entries: 1 + len(from.Indexes)}
	t.indexed = make([]bool, len(from.Columns))
	for i, c := range from.Columns {
		name := engine.ShownName(c.Name)
		t.names = append(t.names, name)
		t.places[name] = i
		t.types = append(t.types, columnType(c.Type))
		t.columns = append(t.columns, quote(c.Name))
	}
	t.key = t.places[engine.ShownName(from.PrimaryKey[0])]
	t.indexed[t.key] = true
	for _, i := range from.Indexes {
		t.indexed[t.places[engine.ShownName(i.Columns[0])]] = true
	}
	return t
}

// useForReading makes a table or a view the one that columns are looked up in.
func (b *binder) useForReading(from syntax.Table) error {
	t, err := b.findView(from.Name)
	if err != nil {
		return err
	}
	if t == nil {
		return b.use(from)
	}
	b.look(t, from)
	return nil
}

// use makes a table the one that columns are looked up in.
func (b *binder) use(from syntax.Table) error {
	t, err := b.findTable(from.Name)
	if err != nil {
		return err
	}
	b.look(t, from)
	return nil
}

func (b *binder) look(t *table, from syntax.Table) {
	b.table, b.alias = t, from.Name.Text
	if from.Alias != "" {
		b.alias = from.Alias
	}
}

// madeTable is a table that is not stored, yet without columns.
func madeTable(name string, rows rowSource) *table {
	return &table{Table: &engine.Table{Name: name}, name: name, places: map[string]int{}, made: rows}
}

func (t *table) addColumn(name string, of Type) {
	t.Columns = append(t.Columns, engine.Column{Name: name})
	t.names = append(t.names, name)
	t.places[name] = len(t.types)
	t.types = append(t.types, of)
	t.columns = append(t.columns, quote(name))
	t.indexed = append(t.indexed, false)
}
