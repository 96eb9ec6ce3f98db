package gate

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// What is written to a column: PostgreSQL's assignment casts, then the limits of what Chai stores rightly.

// assignment is a value for a column.
type assignment struct {
	place int
	value node
}

// assign converts a bound value for a column as PostgreSQL's assignments do; n is nil for DEFAULT.
func (b *binder) assign(t *table, place int, n node, x syntax.Expr) (_ node, err error) {
	if d, ok := x.(*syntax.Default); ok {
		return b.defaultValue(t, place, d)
	}
	to := t.types[place]
	if n, err = b.coerceOpen(n, to, x); err != nil {
		return nil, err
	}
	from := n.typ()
	if to.family() != textFamily && from.family() != to.family() && !(from.family().numeric() && to.family().numeric()) {
		return nil, b.fail(x.At(), pgerr.DatatypeMismatch, "column \"%s\" is of type %s but expression is of type %s",
			t.names[place], to.Name, from.Name).WithHint("You will need to rewrite or cast the expression.")
	}
	return b.castNode(n, to, x)
}

// defaultValue is the column's default, NULL without one.
func (b *binder) defaultValue(t *table, place int, at syntax.Expr) (node, error) {
	n, err := columnDefault(t, place, b.limits)
	return n, b.placed(err, at)
}

func columnDefault(t *table, place int, limits Limits) (node, error) {
	text, to := t.Columns[place].Default, t.types[place]
	if text == "" {
		return &constant{nil, to}, nil
	}
	x, err := syntax.ParseExpr(text, limits.Nesting)
	if err != nil {
		return nil, err
	}
	inner := &binder{sql: text, limits: limits, params: &paramTypes{}}
	n, err := inner.expr(x)
	if err != nil {
		return nil, err
	}
	n, err = inner.assign(t, place, n, x)
	if err != nil {
		return nil, err
	}
	if _, fixed := n.(*constant); !fixed {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "the default of column \"%s\" is not a constant", t.names[place])
	}
	return n, nil
}

// storable checks a value against its column and gives it the form that is stored.
func (t *table) storable(place int, v any, limits Limits) (any, error) {
	c := &t.Columns[place]
	if v == nil {
		if c.NotNull || place == t.key {
			return nil, pgerr.New(pgerr.NotNullViolation, "null value in column \"%s\" of relation \"%s\" violates not-null constraint",
				t.names[place], t.name).On(pgerr.Object{Schema: publicSchema, Table: t.name, Column: t.names[place]})
		}
		return nil, nil
	}
	switch value := v.(type) {
	case int64:
		if c.Type == engine.TypeInteger {
			return inRange(value, Int4)
		}
		if err := engine.Indexable(value); err != nil && t.hasIndex(place) {
			return nil, err
		}
	case float64:
		if math.IsNaN(value) { // Chai would give back 1.1e-308
			return nil, pgerr.New(pgerr.FeatureNotSupported, "NaN cannot be stored").WithHint("Store NULL instead.")
		}
		return storedFloat(value), nil
	case string:
		return v, t.checkText(place, value, limits)
	case []byte:
		return v, t.checkLength(place, len(value), limits)
	case time.Time:
		return t.storedTimestamp(place, value)
	}
	return v, nil
}

// hasIndex says whether a column has an index besides the table's own order.
func (t *table) hasIndex(place int) bool {
	return slices.ContainsFunc(t.Indexes, func(i engine.Index) bool { return i.Columns[0] == t.Columns[place].Name })
}

// storedFloat gives equal floats equal keys: one zero and one NaN.
func storedFloat(f float64) float64 {
	switch {
	case f == 0:
		return 0
	case math.IsNaN(f):
		return notANumber
	}
	return f
}

func (t *table) checkText(place int, s string, limits Limits) error {
	if !utf8.ValidString(s) {
		return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\" in column \"%s\"", t.names[place])
	}
	if strings.IndexByte(s, 0) >= 0 {
		return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00 in column \"%s\"", t.names[place])
	}
	return t.checkLength(place, len(s), limits)
}

func (t *table) checkLength(place, length int, limits Limits) error {
	if t.indexed[place] {
		return t.checkKey(place, length, limits)
	}
	return t.atMost(place, "value", length, limits.ValueBytes)
}

func (t *table) checkKey(place, length int, limits Limits) error {
	return t.atMost(place, "key", length, limits.KeyBytes)
}

func (t *table) atMost(place int, what string, length, limit int) error {
	if length <= limit {
		return nil
	}
	return pgerr.New(pgerr.ProgramLimitExceeded, "%s of %d bytes in column \"%s\" exceeds the limit of %d bytes", what, length, t.names[place], limit)
}

func (t *table) storedTimestamp(place int, v time.Time) (any, error) {
	v = microseconds(v)
	if v.Before(earliestTimestamp) || v.After(latestTimestamp) {
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range in column \"%s\": the year must be from 2001 to 9999, not %d",
			t.names[place], v.Year())
	}
	return v, nil
}

// weight estimates the bytes that writing a row puts into the transaction: the row itself and its index entries.
func (t *table) weight(row []any) int {
	const perEntry = 16
	total := perEntry
	for place, v := range row {
		total += sizeOf(v)
		if t.indexed[place] {
			total += sizeOf(v) + sizeOf(row[t.key]) + perEntry
		}
	}
	return total
}
