package engine

// Chai keeps its schema as normalized DDL text in the table __chai_catalog and
// offers no other description, so the catalogue is parsed from there.

import (
	"fmt"
	"slices"
	"strings"

	"chaisqld/pgerr"
)

// definition is one row of Chai's catalogue.
type definition struct {
	name, kind, sql, owner string
	namespace              uint64 // of its keys in Pebble
}

// internalPrefix marks what belongs to Chai or to chaisqld.
const internalPrefix = "__chai"

func readDefinitions(c *conn) (list []definition, err error) {
	err = c.query("SELECT name, type, sql, owner_table_name, namespace FROM __chai_catalog", nil, func(v []any) error {
		d := definition{name: text(v[0]), kind: text(v[1]), sql: text(v[2]), owner: text(v[3])}
		if n, ok := v[4].(int64); ok && n > 0 {
			d.namespace = uint64(n)
		}
		if !strings.HasPrefix(d.name, internalPrefix) {
			list = append(list, d)
		}
		return nil
	})
	return list, err
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// parseCatalogue models the tables; what it cannot model makes a table unsupported.
func parseCatalogue(version uint64, definitions []definition) *Catalogue {
	tables := make(map[string]*Table)
	var list []*Table
	for _, d := range definitions {
		if d.kind == "table" {
			t := parseTable(d)
			tables[strings.ToLower(t.Name)] = t
			list = append(list, t)
		}
	}
	for _, d := range definitions {
		if t := tables[strings.ToLower(d.owner)]; t != nil && d.kind != "table" {
			t.addOwned(d)
		}
	}
	for _, t := range list {
		t.layout = newLayout(t)
	}
	return NewCatalogue(version, list...)
}

func (t *Table) addOwned(d definition) {
	if d.kind != "index" {
		t.unsupported("it owns the %s %s", d.kind, ShownName(d.name))
		return
	}
	p := &ddlParser{tokens: tokenize(d.sql)}
	index := p.index(d)
	index.unreadable, index.namespace = p.problem, d.namespace
	switch {
	case p.problem != "":
		t.unsupported("index %s: %s", ShownName(d.name), p.problem)
	case len(index.Columns) > 1:
		// Chai chooses indexes by itself, and with such a one may return rows out of order.
		t.unsupported("index %s: it has several columns", ShownName(d.name))
	}
	t.Indexes = append(t.Indexes, index)
}

func (t *Table) unsupported(format string, args ...any) {
	if t.Unsupported == "" {
		t.Unsupported = fmt.Sprintf(format, args...)
	}
}

func parseTable(d definition) *Table {
	t := &Table{Name: d.name, namespace: d.namespace}
	p := &ddlParser{tokens: tokenize(d.sql)}
	p.expect("CREATE", "TABLE")
	p.next()
	p.expect("(")
	for p.problem == "" {
		if p.accept("CONSTRAINT") {
			p.constraint(t)
		} else {
			p.column(t)
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	if t.unreadable = p.problem; p.problem != "" {
		t.unsupported("%s", p.problem)
	}
	return t
}

// ddlParser reads Chai's own output, so it need not be a parser for people's SQL.
type ddlParser struct {
	tokens  []string
	problem string
}

func (p *ddlParser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *ddlParser) next() string {
	token := p.peek()
	p.tokens = p.tokens[min(1, len(p.tokens)):]
	return token
}

// accept takes the tokens when all of them come next.
func (p *ddlParser) accept(tokens ...string) bool {
	if len(p.tokens) < len(tokens) || !slices.Equal(p.tokens[:len(tokens)], tokens) {
		return false
	}
	p.tokens = p.tokens[len(tokens):]
	return true
}

func (p *ddlParser) expect(tokens ...string) {
	if !p.accept(tokens...) {
		p.fail("its definition has %q where %q was expected", p.peek(), strings.Join(tokens, " "))
	}
}

func (p *ddlParser) fail(format string, args ...any) {
	if p.problem == "" {
		p.problem = fmt.Sprintf(format, args...)
	}
}

func (p *ddlParser) column(t *Table) {
	c := Column{Name: unquote(p.next()), Type: p.columnType()}
	c.NotNull = p.accept("NOT", "NULL")
	if p.accept("DEFAULT") {
		c.Default = p.literal(c.Name)
	}
	t.Columns = append(t.Columns, c)
}

func (p *ddlParser) columnType() Type {
	name := p.next()
	if name == "DOUBLE" && p.accept("PRECISION") {
		return TypeDouble
	}
	if i := slices.Index(typeNames[:], name); i > int(TypeUnknown) {
		return Type(i)
	}
	p.fail("it has a column of type %s", name)
	return TypeUnknown
}

// literal reads a default up to the end of the column.
func (p *ddlParser) literal(column string) string {
	value := p.next()
	if value == "-" {
		value += p.next()
	}
	if next := p.peek(); next != "," && next != ")" {
		p.fail("the default of column %s is an expression", ShownName(column))
		return ""
	}
	if strings.EqualFold(value, "NULL") {
		return ""
	}
	return value
}

func (p *ddlParser) constraint(t *Table) {
	name := unquote(p.next())
	switch {
	case p.accept("PRIMARY", "KEY"):
		t.PrimaryKey = p.columns("the primary key")
	case p.accept("UNIQUE"):
		p.columns("constraint " + name) // its index is in the catalogue as well
	default:
		p.fail("it has the constraint %s, a %s", name, p.peek())
	}
}

func (p *ddlParser) index(d definition) Index {
	index := Index{Name: d.name, Table: d.owner}
	p.expect("CREATE")
	index.Unique = p.accept("UNIQUE")
	p.expect("INDEX")
	p.next()
	p.expect("ON")
	p.next()
	index.Columns = p.columns("it")
	return index
}

func (p *ddlParser) columns(of string) (names []string) {
	p.expect("(")
	for p.problem == "" {
		names = append(names, unquote(p.next()))
		if p.accept("DESC") {
			p.fail("%s is in descending order", of)
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return names
}

// tokenize splits DDL into words, quoted texts and single characters.
func tokenize(sql string) (tokens []string) {
	for i := 0; i < len(sql); {
		start := i
		switch c := sql[i]; {
		case c == ' ':
			i++
			continue
		case c == '\'' || c == '"' || c == '`':
			i = quotedEnd(sql, i)
		case wordByte(c):
			for i < len(sql) && wordByte(sql[i]) {
				i++
			}
		default:
			i++
		}
		tokens = append(tokens, sql[start:i])
	}
	return tokens
}

func quotedEnd(sql string, start int) int {
	for i := start + 1; i < len(sql); i++ {
		switch sql[i] {
		case '\\':
			i++
		case sql[start]:
			return i + 1
		}
	}
	return len(sql)
}

func wordByte(c byte) bool {
	return c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func unquote(token string) string {
	if len(token) < 2 || token[0] != '"' && token[0] != '`' {
		return token
	}
	return strings.ReplaceAll(token[1:len(token)-1], `\`, "")
}

// survives refuses a schema that Chai could not read at its next start. It
// stores names without the quotes that they need, so one column named like a
// keyword would close the whole database for ever.
func survives(c *conn, definitions []definition, catalogue *Catalogue) error {
	for _, d := range definitions {
		if err := c.parse(d.sql); err != nil {
			return pgerr.New(pgerr.FeatureNotSupported, "the definition of %s uses a name or a default that Chai cannot store", ShownName(d.name)).
				WithHint("Use plain names that are no keywords, and plain literals as defaults.").WithCause(err)
		}
	}
	for _, t := range catalogue.Tables() {
		names, err := c.columns(`SELECT * FROM "` + t.Name + `" LIMIT 0`)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(names, t.Columns, func(name string, column Column) bool { return name == column.Name }) {
			return pgerr.New(pgerr.FeatureNotSupported, "table %s has a column name that Chai cannot store", ShownName(t.Name)).
				WithHint("Use plain names.")
		}
	}
	return nil
}
