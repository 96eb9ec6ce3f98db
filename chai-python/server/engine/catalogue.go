package engine

import (
	"slices"
	"strings"
)

// Type is a column's type as Chai stores it.
type Type uint8

// The types a column can have.
const (
	TypeUnknown Type = iota
	TypeBoolean
	TypeInteger // 32 bits
	TypeBigint  // 64 bits
	TypeDouble
	TypeText
	TypeBytea
	TypeTimestamp // microseconds, UTC
)

var typeNames = [...]string{"UNKNOWN", "BOOLEAN", "INTEGER", "BIGINT", "DOUBLE PRECISION", "TEXT", "BYTEA", "TIMESTAMP"}

// String gives the type's name as both Chai and PostgreSQL spell it.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return typeNames[TypeUnknown]
}

// Column is one column of a table.
type Column struct {
	Name    string
	Type    Type
	NotNull bool
	Default string // literal text as Chai normalised it, "" for none
}

// Index is one index of a table; a UNIQUE constraint is one as well.
type Index struct {
	Name    string
	Table   string
	Columns []string
	Unique  bool

	unreadable string // why an audit cannot know its entries, "" for none
	namespace  uint64 // of its keys in Pebble, 0 when not known
}

// Table is one table.
type Table struct {
	Name        string
	Columns     []Column
	PrimaryKey  []string
	Indexes     []Index // by name
	Unsupported string  // why statements on this table must be refused, "" for none

	unreadable string // why an audit cannot know its rows, "" for none
	namespace  uint64 // of its keys in Pebble, 0 when not known
	layout     *layout
}

// Column returns the column of that name, nil when there is none. Names are
// compared exactly, as Chai does.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Catalogue is what a snapshot's tables look like. It never changes.
type Catalogue struct {
	Version uint64 // grows with every change of schema within the life of an engine
	tables  map[string]*Table
	sorted  []*Table
}

// Table returns the table of that name, nil when there is none. Chai does not
// tell upper from lower case in table names, so neither does this.
func (c *Catalogue) Table(name string) *Table {
	if t, ok := c.tables[name]; ok {
		return t
	}
	return c.tables[strings.ToLower(name)]
}

// Index returns the index of that name, nil when there is none.
func (c *Catalogue) Index(name string) *Index {
	for _, t := range c.sorted {
		for i := range t.Indexes {
			if strings.EqualFold(t.Indexes[i].Name, name) {
				return &t.Indexes[i]
			}
		}
	}
	return nil
}

// Tables lists the tables by name, without chaisqld's own.
func (c *Catalogue) Tables() []*Table { return c.sorted }

// NewCatalogue builds a catalogue from tables. The engine loads its own from
// the database; this is for tests of what is planned against one.
func NewCatalogue(version uint64, tables ...*Table) *Catalogue {
	c := &Catalogue{Version: version, tables: make(map[string]*Table, len(tables)), sorted: slices.Clone(tables)}
	for _, t := range tables {
		c.tables[strings.ToLower(t.Name)] = t
		slices.SortFunc(t.Indexes, func(a, b Index) int { return strings.Compare(a.Name, b.Name) })
	}
	slices.SortFunc(c.sorted, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	return c
}
