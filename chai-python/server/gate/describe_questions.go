package gate

import "chaisqld/engine"

// What psql can ask, as its source (src/bin/psql/describe.c) has it: a table of questions, with the answer to each expression.
// A version of psql that asks in other words needs no more than another entry.

// question is something that can be asked about the catalogue. Its texts are as syntax.Terms spells them.
type question struct {
	from     []string // what FROM begins with
	joins    []string // what may follow
	requires []string // the conditions that join what FROM lists
	holds    []string // conditions that all rows meet
	fields   map[string]field
	rows     func(c *engine.Catalogue, emit func(described) error) error
}

// described is what one row is about.
type described struct {
	*relation
	column   *engine.Column // of relation
	number   int            // of column, from 1
	identity *Identity
}

// field is an expression that has an answer.
type field struct {
	of    Type
	value func(r *described) any
}

func always(of Type, v any) field { return field{of, func(*described) any { return v }} }

// Types that only PostgreSQL's catalogue has.
var (
	oidType  = Type{26, 4, "oid"}
	charType = Type{18, 1, `"char"`}
)

var (
	noValue     = always(Text, nil)
	alwaysTrue  = always(Bool, true)
	alwaysFalse = always(Bool, false)
	alwaysNoOID = always(oidType, int64(0))
	ownerName   = field{Name, func(r *described) any { return r.identity.User }}
	schemaName  = always(Name, publicSchema)
)

// indexTable is the name of an index's table.
func (r *described) indexTable() any {
	if r.of == nil {
		return nil
	}
	return r.of.name
}

// accessMethod is that of an index. Tables are in no heap, and say nothing.
func (r *described) accessMethod() any {
	if r.of == nil {
		return nil
	}
	return "btree"
}

func ofRelation(of Type, value func(r *relation) any) field {
	return field{of, func(r *described) any { return value(r.relation) }}
}

func ofColumn(of Type, value func(r *described, c *engine.Column) any) field {
	return field{of, func(r *described) any { return value(r, r.column) }}
}

var (
	relationOID  = ofRelation(oidType, func(r *relation) any { return r.oid })
	relationName = ofRelation(Name, func(r *relation) any { return r.name })
	tableOID     = ofRelation(oidType, func(r *relation) any { return r.of.oid })
	tableName    = field{Name, (*described).indexTable}
	accessMethod = field{Name, (*described).accessMethod}
	isUnique     = ofRelation(Bool, func(r *relation) any { return r.unique })
	isPrimary    = ofRelation(Bool, func(r *relation) any { return r.primary })
)

// questions are those of psql 14 to 18, which ask a server of version 15.
var questions = []question{
	{ // \d, \dt, \di and what \d NAME begins with
		from: []string{"pg_class c"},
		joins: []string{
			"left join pg_namespace n on n.oid = c.relnamespace",
			"left join pg_am am on am.oid = c.relam", "left join pg_am am on ( c.relam = am.oid )",
			"left join pg_index i on i.indexrelid = c.oid", "left join pg_class c2 on i.indrelid = c2.oid",
			"left join pg_class tc on ( c.reltoastrelid = tc.oid )",
		},
		holds:  []string{"pg_table_is_visible ( c.oid )"},
		fields: relationFields,
		rows: func(c *engine.Catalogue, emit func(described) error) error {
			return each(relations(c), func(r *relation) error { return emit(described{relation: r}) })
		},
	},
	{ // the columns of \d NAME
		from:   []string{"pg_attribute a"},
		holds:  []string{"a.attnum > 0", "not a.attisdropped"},
		fields: columnFields,
		rows: func(c *engine.Catalogue, emit func(described) error) error {
			return each(relations(c), func(r *relation) error {
				for i, column := range r.attributes() {
					if err := emit(described{relation: r, column: column, number: i + 1}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	},
	{ // the indexes of \d TABLE: c is the table and c2 the index
		from:     []string{"pg_class c", "pg_class c2", "pg_index i"},
		joins:    []string{"left join pg_constraint con on ( conrelid = i.indrelid and conindid = i.indexrelid and contype in ( 'p' , 'u' , 'x' ) )"},
		requires: []string{"c.oid = i.indrelid", "i.indexrelid = c2.oid"},
		fields:   indexFields,
		rows:     eachIndex,
	},
	{ // \d INDEX: c is the index and c2 the table
		from:     []string{"pg_index i", "pg_class c", "pg_class c2", "pg_am a"},
		requires: []string{"i.indexrelid = c.oid", "c.relam = a.oid", "i.indrelid = c2.oid"},
		fields:   oneIndexFields,
		rows:     eachIndex,
	},
	{from: []string{"pg_database d"}, joins: []string{"join pg_tablespace t on d.dattablespace = t.oid"}, fields: databaseFields, rows: once}, // \l
	{from: []string{"pg_namespace n"}, fields: schemaFields, rows: once},                                                                      // \dn
	{from: []string{"pg_roles r"}, fields: roleFields, rows: once},                                                                            // \du
}

func each(list []*relation, emit func(*relation) error) error {
	for _, r := range list {
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

func eachIndex(c *engine.Catalogue, emit func(described) error) error {
	return each(relations(c), func(r *relation) error {
		if r.of == nil {
			return nil
		}
		return emit(described{relation: r})
	})
}

// once is the rows of what there is one of: a database, a schema and, as far as this is told, a role.
func once(_ *engine.Catalogue, emit func(described) error) error { return emit(described{}) }

var relationFields = map[string]field{
	"c.oid": relationOID, "n.nspname": schemaName, "c.relname": relationName,
	"c.relkind":                                     ofRelation(charType, func(r *relation) any { return r.kind() }),
	"pg_get_userbyid ( c.relowner )":                ownerName,
	"c2.relname":                                    tableName,
	"am.amname":                                     accessMethod,
	"c.relpersistence":                              always(charType, "p"),
	"obj_description ( c.oid , 'pg_class' )":        noValue,
	"pg_size_pretty ( pg_table_size ( c.oid ) )":    noValue,
	"pg_size_pretty ( pg_relation_size ( c.oid ) )": noValue,

	"c.relchecks":   always(Int2, int64(0)),
	"c.relhasindex": ofRelation(Bool, func(r *relation) any { return r.hasIndex() }),
	"c.relhasrules": alwaysFalse, "c.relhastriggers": alwaysFalse, "c.relrowsecurity": alwaysFalse, "c.relforcerowsecurity": alwaysFalse, "c.relispartition": alwaysFalse,
	"c.reltablespace": alwaysNoOID,
	"case when c.reloftype = 0 then '' else c.reloftype :: regtype :: text end": always(Text, ""),
	"c.relreplident": ofRelation(charType, func(r *relation) any {
		if r.of == nil {
			return "d"
		}
		return "n"
	}),
	"array_to_string ( c.reloptions || array ( select 'toast.' || x from unnest ( tc.reloptions ) x ) , ', ' )": noValue,
}

var columnFields = map[string]field{
	"a.attrelid": relationOID,
	"a.attname":  ofColumn(Name, func(_ *described, c *engine.Column) any { return engine.ShownName(c.Name) }),
	"a.attnum":   field{Int2, func(r *described) any { return int64(r.number) }},
	"format_type ( a.atttypid , a.atttypmod )": ofColumn(Text, func(_ *described, c *engine.Column) any { return columnType(c.Type).Name }),
	"( select pg_get_expr ( d.adbin , d.adrelid , true ) from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum and a.atthasdef )": ofColumn(Text, shownDefault),
	"a.attnotnull": ofColumn(Bool, func(r *described, c *engine.Column) any { return r.notNull(c) }),
	"( select c.collname from pg_collation c , pg_type t where c.oid = a.attcollation and t.oid = a.atttypid and a.attcollation <> t.typcollation )": noValue,
	"a.attidentity": always(charType, ""), "a.attgenerated": always(charType, ""), "a.attcompression": always(charType, ""),
	"a.attstorage": ofColumn(charType, func(_ *described, c *engine.Column) any {
		if columnType(c.Type).Size < 0 {
			return "x"
		}
		return "p"
	}),
	"a.attstattarget": noValue, "case when a.attstattarget = - 1 then null else a.attstattarget end": noValue,
	"col_description ( a.attrelid , a.attnum )": noValue,

	"case when a.attnum <= ( select i.indnkeyatts from pg_index i where i.indexrelid = '#' ) then 'yes' else 'no' end": always(Text, "yes"),
	"pg_get_indexdef ( a.attrelid , a.attnum , true )":                                                                 ofColumn(Text, func(_ *described, c *engine.Column) any { return columnList([]string{c.Name}) }),
}

func shownDefault(r *described, c *engine.Column) any {
	if c.Default == "" || r.of != nil {
		return nil
	}
	return c.Default
}

var indexFields = map[string]field{
	"c.oid": tableOID, "c2.oid": relationOID, "c2.relname": relationName,
	"i.indisprimary": isPrimary, "i.indisunique": isUnique, "i.indisclustered": alwaysFalse, "i.indisvalid": alwaysTrue, "i.indisreplident": alwaysFalse,
	"pg_get_indexdef ( i.indexrelid , 0 , true )": ofRelation(Text, func(r *relation) any { return r.definition() }),
	"pg_get_constraintdef ( con.oid , true )":     ofRelation(Text, (*relation).constraint),
	"contype":          ofRelation(charType, func(r *relation) any { return r.ofConstraint("p") }),
	"condeferrable":    ofRelation(Bool, func(r *relation) any { return r.ofConstraint(false) }),
	"condeferred":      ofRelation(Bool, func(r *relation) any { return r.ofConstraint(false) }),
	"con.conperiod":    ofRelation(Bool, func(r *relation) any { return r.ofConstraint(false) }),
	"c2.reltablespace": alwaysNoOID,
}

// ofConstraint is v for the index of a primary key, the only constraint that there is.
func (r *relation) ofConstraint(v any) any {
	if !r.primary {
		return nil
	}
	return v
}

var oneIndexFields = map[string]field{
	"c.oid": relationOID, "c2.relname": tableName, "a.amname": accessMethod,
	"i.indisprimary": isPrimary, "i.indisunique": isUnique, "i.indisclustered": alwaysFalse, "i.indisvalid": alwaysTrue, "i.indisreplident": alwaysFalse,
	"i.indnullsnotdistinct": alwaysFalse,
	"( not i.indimmediate ) and exists ( select 1 from pg_constraint where conrelid = i.indrelid and conindid = i.indexrelid and contype in ( 'p' , 'u' , 'x' ) and condeferrable )": alwaysFalse,
	"( not i.indimmediate ) and exists ( select 1 from pg_constraint where conrelid = i.indrelid and conindid = i.indexrelid and contype in ( 'p' , 'u' , 'x' ) and condeferred )":   alwaysFalse,
	"pg_get_expr ( i.indpred , i.indrelid , true )": noValue,
}

var databaseFields = privileges("d.datacl", map[string]field{
	"d.datname": {Name, func(r *described) any { return r.identity.Database }}, "pg_get_userbyid ( d.datdba )": ownerName,
	"pg_encoding_to_char ( d.encoding )": always(Name, "UTF8"), "d.datcollate": always(Text, "C"), "d.datctype": always(Text, "C"),
	"d.daticulocale": noValue, "d.datlocale": noValue, "d.datlocprovider": always(charType, "c"),
	"case when has_database_privilege ( d.datname , 'CONNECT' ) then pg_size_pretty ( pg_database_size ( d.datname ) ) else 'No Access' end":                                                  noValue,
	"case when has_database_privilege ( d.datname , 'CONNECT' ) or pg_has_role ( 'pg_read_all_stats' , 'USAGE' ) then pg_size_pretty ( pg_database_size ( d.datname ) ) else 'No Access' end": noValue,
	"t.spcname": always(Name, "pg_default"), "shobj_description ( d.oid , 'pg_database' )": noValue,
})

var schemaFields = privileges("n.nspacl", map[string]field{
	"n.nspname": schemaName, "pg_get_userbyid ( n.nspowner )": ownerName,
	"obj_description ( n.oid , 'pg_namespace' )": noValue,
})

// privileges adds the fields by which psql asks for those on something, in one way up to version 16 and in two since.
func privileges(column string, fields map[string]field) map[string]field {
	list := "array_to_string ( " + column + " , '\n' )"
	fields[list] = noValue
	for _, length := range []string{"array_length ( " + column + " , 1 )", "cardinality ( " + column + " )"} {
		fields["case when "+length+" = 0 then '(none)' else "+list+" end"] = noValue
	}
	return fields
}

var roleFields = map[string]field{
	"r.rolname": ownerName, "r.rolsuper": alwaysFalse, "r.rolinherit": alwaysTrue, "r.rolcreaterole": alwaysFalse, "r.rolcreatedb": alwaysFalse, "r.rolcanlogin": alwaysTrue,
	"r.rolconnlimit": always(Int4, int64(-1)), "r.rolvaliduntil": always(Timestamptz, nil), "r.rolreplication": alwaysFalse, "r.rolbypassrls": alwaysFalse,
	"array ( select b.rolname from pg_auth_members m join pg_roles b on ( m.roleid = b.oid ) where m.member = r.oid )": always(Text, "{}"),
	"shobj_description ( r.oid , 'pg_authid' )": noValue,
}
