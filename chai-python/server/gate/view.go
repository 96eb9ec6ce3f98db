package gate

import (
	"slices"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// Views describe the database's own tables: what a client needs to know of them, under the names and with the columns that
// PostgreSQL has, so that the same SELECT runs there. All else of PostgreSQL's catalogue is refused with a word about these.

const (
	publicSchema  = "public"
	catalogueHint = "Tables, columns and keys are in information_schema.tables, .columns and .key_column_usage, indexes in pg_indexes; " +
		"psql and python -m chaisql shell list them with \\d."
)

// view is a table that is not stored; rows makes what it holds.
type view struct {
	columns []viewColumn
	rows    func(database string, t *engine.Table) [][]any // of one table
}

type viewColumn struct {
	name string
	of   Type
}

// Of PostgreSQL's own columns the first ones, in its order.
var views = map[string]*view{
	"information_schema.tables": {
		[]viewColumn{{"table_catalog", Name}, {"table_schema", Name}, {"table_name", Name}, {"table_type", Varchar}},
		func(database string, t *engine.Table) [][]any {
			return [][]any{{database, publicSchema, engine.ShownName(t.Name), "BASE TABLE"}}
		},
	},
	"information_schema.columns": {
		[]viewColumn{{"table_catalog", Name}, {"table_schema", Name}, {"table_name", Name}, {"column_name", Name},
			{"ordinal_position", Int4}, {"column_default", Varchar}, {"is_nullable", Varchar}, {"data_type", Varchar}},
		describeColumns,
	},
	"information_schema.key_column_usage": {
		[]viewColumn{{"constraint_catalog", Name}, {"constraint_schema", Name}, {"constraint_name", Name}, {"table_catalog", Name},
			{"table_schema", Name}, {"table_name", Name}, {"column_name", Name}, {"ordinal_position", Int4}},
		func(database string, t *engine.Table) (rows [][]any) {
			for i, column := range t.PrimaryKey {
				rows = append(rows, []any{database, publicSchema, primaryKeyName(t), database, publicSchema, engine.ShownName(t.Name), engine.ShownName(column), int64(i + 1)})
			}
			return rows
		},
	},
	"pg_catalog.pg_indexes": {
		[]viewColumn{{"schemaname", Name}, {"tablename", Name}, {"indexname", Name}, {"tablespace", Name}, {"indexdef", Text}},
		describeIndexes,
	},
}

func describeColumns(database string, t *engine.Table) (rows [][]any) {
	for i, c := range t.Columns {
		var deflt any
		if c.Default != "" {
			deflt = c.Default
		}
		nullable := "YES"
		if c.NotNull || slices.Contains(t.PrimaryKey, c.Name) {
			nullable = "NO"
		}
		rows = append(rows, []any{database, publicSchema, engine.ShownName(t.Name), engine.ShownName(c.Name), int64(i + 1), deflt, nullable, columnType(c.Type).Name})
	}
	return rows
}

func describeIndexes(_ string, t *engine.Table) [][]any {
	rows := [][]any{describeIndex(t, primaryKeyName(t), t.PrimaryKey, true)}
	for _, i := range t.Indexes {
		rows = append(rows, describeIndex(t, engine.ShownName(i.Name), i.Columns, i.Unique))
	}
	return rows
}

func describeIndex(t *engine.Table, name string, columns []string, unique bool) []any {
	table := engine.ShownName(t.Name)
	return []any{publicSchema, table, name, nil, indexDefinition(table, name, columns, unique)}
}

func indexDefinition(table, name string, columns []string, unique bool) string {
	kind := "INDEX"
	if unique {
		kind = "UNIQUE INDEX"
	}
	return "CREATE " + kind + " " + syntax.Quoted(name) + " ON " + publicSchema + "." + syntax.Quoted(table) + " USING btree (" + columnList(columns) + ")"
}

// findView is the view that FROM names, nil if it names a table. Like PostgreSQL, pg_indexes is found without its schema.
func (b *binder) findView(name syntax.Name) (*table, error) {
	schema := name.Schema
	if schema == "" && views["pg_catalog."+name.Text] != nil {
		schema = "pg_catalog"
	}
	if schema == "" {
		return nil, nil
	}
	v := views[schema+"."+name.Text]
	if v == nil {
		return nil, b.fail(name.At, pgerr.FeatureNotSupported, "catalogue queries are not supported: there is no %s.%s", schema, name.Text).
			WithHint(catalogueHint)
	}
	t := madeTable(schema+"."+name.Text, &viewRows{v, b.identity.Database})
	t.name = name.Text
	for _, c := range v.columns {
		t.addColumn(c.name, c.of)
	}
	return t, nil
}

// viewRows makes the rows of a view.
type viewRows struct {
	*view
	database string
}

// run hands on the rows of all tables.
func (v *viewRows) run(x *execution, emit func([]any) error) error {
	for _, t := range x.reader.Catalogue().Tables() {
		for _, row := range v.rows(v.database, t) {
			if err := x.meter.beginRow(rowUnits); err != nil {
				return err
			}
			if err := emit(row); err == engine.Stop {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}
