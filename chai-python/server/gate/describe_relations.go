package gate

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
)

// relation is a table or an index as PostgreSQL's catalogue has it: with a number.
type relation struct {
	oid     int64
	name    string
	table   *engine.Table
	of      *relation // the table of an index; nil for a table
	columns []string  // of an index
	unique  bool
	primary bool
}

func (r *relation) kind() string {
	if r.of != nil {
		return "i"
	}
	return "r"
}

// relations lists what a catalogue holds, by name.
func relations(c *engine.Catalogue) []*relation {
	var list []*relation
	for _, t := range c.Tables() {
		table := &relation{name: engine.ShownName(t.Name), table: t}
		list = append(list, table)
		if len(t.PrimaryKey) > 0 {
			list = append(list, &relation{name: primaryKeyName(t), table: t, of: table, columns: t.PrimaryKey, unique: true, primary: true})
		}
		for _, i := range t.Indexes {
			list = append(list, &relation{name: engine.ShownName(i.Name), table: t, of: table, columns: i.Columns, unique: i.Unique})
		}
	}
	slices.SortStableFunc(list, func(a, b *relation) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.kind(), b.kind()))
	})
	number(list)
	return list
}

const firstOID = 16384 // PostgreSQL's own are below

// number gives every relation an OID that is made of its name, so that it is the same from one statement to the next,
// whatever else is created or dropped between them; but for names whose numbers would be one.
func number(list []*relation) {
	taken := make(map[int64]bool, len(list))
	for _, r := range list {
		h := fnv.New32a()
		_, _ = h.Write([]byte(r.kind() + r.table.Name + "\x00" + r.name))
		r.oid = max(int64(h.Sum32()), firstOID)
		for taken[r.oid] {
			r.oid = max((r.oid+1)&0xffffffff, firstOID)
		}
		taken[r.oid] = true
	}
}

// hasIndex says whether PostgreSQL would look for indexes of a table.
func (r *relation) hasIndex() bool {
	return r.of == nil && len(r.table.PrimaryKey)+len(r.table.Indexes) > 0
}

// attributes are the columns of a table or of an index.
func (r *relation) attributes() []*engine.Column {
	var list []*engine.Column
	if r.of == nil {
		for i := range r.table.Columns {
			list = append(list, &r.table.Columns[i])
		}
		return list
	}
	for _, name := range r.columns {
		if c := r.table.Column(name); c != nil {
			list = append(list, c)
		}
	}
	return list
}

func (r *relation) notNull(c *engine.Column) bool {
	return r.of == nil && (c.NotNull || slices.Contains(r.table.PrimaryKey, c.Name))
}

// definition is the statement that makes an index.
func (r *relation) definition() string {
	return indexDefinition(r.of.name, r.name, r.columns, r.unique)
}

// constraint is what makes an index the primary key's.
func (r *relation) constraint() any {
	if !r.primary {
		return nil
	}
	return "PRIMARY KEY (" + columnList(r.columns) + ")"
}

func columnList(columns []string) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = syntax.Quoted(engine.ShownName(c))
	}
	return strings.Join(list, ", ")
}
