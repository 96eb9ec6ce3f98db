package gate

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// Statements on the schema look at the catalogue when they run, as PostgreSQL's do.

type createTablePlan struct {
	name        string
	ifNotExists bool
	sentence    string
	failure     error // what is wrong with the columns, which IF NOT EXISTS does not look at where the table is there
	duplicate   *pgerr.Error
}

func (b *binder) createTablePlan(s *syntax.CreateTable) (*createTablePlan, error) {
	sentence, err := b.tableSentence(s)
	p := &createTablePlan{
		name: s.Name.Text, ifNotExists: s.IfNotExists, sentence: sentence, failure: err,
		duplicate: b.fail(s.Name.At, pgerr.DuplicateTable, "relation \"%s\" already exists", s.Name.Text),
	}
	exists := relationExists(b.catalogue, s.Name.Text)
	var e *pgerr.Error
	switch {
	case err == nil:
	case exists && s.IfNotExists:
		b.params.list, b.params.nodes = nil, nil
	case exists && errors.As(err, &e) && strings.HasPrefix(e.Code, "22"): // a default, which is looked at last
		return nil, p.duplicate
	default:
		return nil, err
	}
	return p, nil
}

// tableSentence writes a CREATE TABLE for Chai.
func (b *binder) tableSentence(s *syntax.CreateTable) (string, error) {
	key, err := b.primaryKey(s)
	if err != nil {
		return "", err
	}
	if len(s.Columns) > maxColumns {
		return "", b.fail(s.Columns[maxColumns].Name.At, tooManyColumns, "tables can have at most %d columns", maxColumns)
	}
	seen := map[string]bool{}
	for _, c := range s.Columns {
		if c.Wrong != "" {
			return "", b.fail(c.Name.At, pgerr.SyntaxError, "%s \"%s\" of table \"%s\"", c.Wrong, c.Name.Text, s.Name.Text)
		}
		if _, _, err := b.storedType(c.Type); err != nil {
			return "", err
		}
		if seen[c.Name.Text] {
			return "", b.fail(c.Name.At, pgerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name.Text)
		}
		seen[c.Name.Text] = true
	}
	var parts []string
	for _, c := range s.Columns {
		part, err := b.columnSentence(c, key)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return "CREATE TABLE " + quote(engine.StoredRelation(s.Name.Text)) + " (" + strings.Join(parts, ", ") + ")", nil
}

// primaryKey finds the one column that a table's rows are kept by.
func (b *binder) primaryKey(s *syntax.CreateTable) (string, error) {
	var keys []syntax.Name
	for _, c := range s.Columns {
		if c.PrimaryKey {
			keys = append(keys, c.Name)
		}
		if c.KeyTwice {
			keys = append(keys, c.Name)
		}
	}
	if len(keys) > 1 || len(keys) == 1 && s.PrimaryKey != nil {
		return "", b.fail(s.Name.At, pgerr.InvalidTableDefinition, "multiple primary keys for table \"%s\" are not allowed", s.Name.Text)
	}
	keys = append(keys, s.PrimaryKey...)
	switch len(keys) {
	case 0:
		return "", b.fail(s.Name.At, pgerr.FeatureNotSupported, "table \"%s\" has no primary key", s.Name.Text).
			WithHint("Every table needs a PRIMARY KEY of one column.")
	case 1:
	default:
		return "", b.fail(s.KeyAt, pgerr.FeatureNotSupported, "primary keys of several columns are not supported").
			WithHint("Join the parts in one TEXT or BYTEA column.")
	}
	for _, c := range s.Columns {
		if c.Name.Text == keys[0].Text {
			return keys[0].Text, nil
		}
	}
	return "", b.fail(keys[0].At, pgerr.UndefinedColumn, "column \"%s\" named in key does not exist", keys[0].Text)
}

func (b *binder) columnSentence(c syntax.ColumnDef, key string) (string, error) {
	t, stored, err := b.storedType(c.Type)
	if err != nil {
		return "", err
	}
	part := quote(engine.StoredColumn(c.Name.Text)) + " " + stored
	switch {
	case c.Name.Text == key:
		part += " PRIMARY KEY"
	case c.NotNull:
		part += " NOT NULL"
	}
	if c.Default == nil {
		return part, nil
	}
	text, err := b.defaultText(c, t)
	if err != nil || text == "" {
		return part, err
	}
	return part + " DEFAULT " + text, nil
}

// defaultText writes a default as Chai keeps it. Only constants are taken that Chai's catalogue gives back unchanged.
func (b *binder) defaultText(c syntax.ColumnDef, t Type) (string, error) {
	b.clause = "DEFAULT expressions"
	n, err := b.expr(c.Default)
	var e *pgerr.Error
	if errors.As(err, &e) && (e.Code == pgerr.UndefinedColumn || e.Code == pgerr.UndefinedTable) {
		return "", b.fail(c.Default.At(), pgerr.FeatureNotSupported, "cannot use column reference in DEFAULT expression")
	}
	if err != nil {
		return "", err
	}
	if n, err = b.coerceOpen(n, t, c.Default); err != nil {
		return "", err
	}
	if f := n.typ().family(); f == t.family() || t.family() == textFamily || f.numeric() && t.family().numeric() {
		if n, err = b.castNode(n, t, c.Default); err != nil {
			return "", err
		}
	}
	fixed, ok := n.(*constant)
	refuse := func(why string) error {
		return b.fail(c.Default.At(), pgerr.FeatureNotSupported, "the default of column \"%s\" is not supported", c.Name.Text).WithHint(why)
	}
	switch {
	case !ok:
		return "", refuse("Defaults are constants; let the client fill in the rest.")
	case fixed.of != t:
		return "", b.fail(c.Default.At(), pgerr.DatatypeMismatch, "column \"%s\" is of type %s but default expression is of type %s",
			c.Name.Text, t.Name, fixed.of.Name)
	}
	switch v := fixed.value.(type) {
	case nil:
		return "", nil
	case bool, int64:
		return fmt.Sprint(v), nil
	case float64:
		if abs := math.Abs(v); v != 0 && !(abs >= 1e-6 && abs < 1e15) { // Chai keeps others with an exponent
			return "", refuse("Defaults are 0 or have a magnitude from 0.000001 up to 1e15.")
		}
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case string:
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == '\'' || r == '\\' || r == 0x7f }) {
			return "", refuse("Text defaults hold no quotes, backslashes or control characters.")
		}
		return "'" + v + "'", nil
	}
	return "", refuse("Defaults are numbers, text and booleans.")
}

func (p *createTablePlan) bytes([]any) int { return len(p.sentence) }

func (p *createTablePlan) execute(x *execution) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	result := &Result{Tag: "CREATE TABLE"}
	if relationExists(w.Catalogue(), p.name) {
		if !p.ifNotExists {
			return nil, p.duplicate
		}
		result.Notices = []string{fmt.Sprintf("relation \"%s\" already exists, skipping", p.name)}
		return result, nil
	}
	if p.failure != nil {
		return nil, p.failure
	}
	return result, w.Define(p.sentence)
}

func relationExists(c *engine.Catalogue, name string) bool {
	stored := engine.StoredRelation(name)
	return c.Table(stored) != nil || c.Index(stored) != nil
}

// wrongObjectType is SQLSTATE 42809.
const wrongObjectType = "42809"

type dropPlan struct {
	binder *binder
	drop   *syntax.Drop
	tag    string
}

func (p *dropPlan) bytes([]any) int { return len(p.drop.Names) * 64 }

func (p *dropPlan) execute(x *execution) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	result := &Result{Tag: p.tag}
	for _, name := range p.drop.Names {
		sentence, kind, found := p.sentence(w.Catalogue(), name.Text)
		switch {
		case name.Schema != "":
			result.Notices = append(result.Notices, fmt.Sprintf("schema \"%s\" does not exist, skipping", name.Schema))
		case found:
			if err := w.Define(sentence); err != nil {
				return nil, err
			}
		case relationExists(w.Catalogue(), name.Text):
			return nil, p.binder.fail(name.At, wrongObjectType, "\"%s\" is not %s", name.Text, map[bool]string{true: "an index", false: "a table"}[p.drop.Index])
		case p.drop.IfExists:
			result.Notices = append(result.Notices, fmt.Sprintf("%s \"%s\" does not exist, skipping", kind, name.Text))
		default:
			code := pgerr.UndefinedTable
			if p.drop.Index {
				code = pgerr.UndefinedObject
			}
			return nil, p.binder.fail(name.At, code, "%s \"%s\" does not exist", kind, name.Text)
		}
	}
	return result, nil
}

func (p *dropPlan) sentence(c *engine.Catalogue, name string) (sentence, kind string, found bool) {
	stored := engine.StoredRelation(name)
	if p.drop.Index {
		i := c.Index(stored)
		return "DROP INDEX " + quote(stored), "index", i != nil && i.Name == stored
	}
	t := c.Table(stored)
	return "DROP TABLE " + quote(stored), "table", t != nil && t.Name == stored
}
