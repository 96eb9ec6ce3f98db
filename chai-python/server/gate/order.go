package gate

import (
	"slices"
	"strconv"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// ordering is an ORDER BY on one column, which an access path may serve. A nil ordering wants nothing.
type ordering struct {
	column     int
	descending bool
	nullsFirst bool
	limited    bool // LIMIT makes the order worth more than a range
}

func (o *ordering) on(column int) bool { return o != nil && column >= 0 && o.column == column }

// servedBy says whether reading along the path gives the order, NULLs included: Chai keeps them before all values, and a
// path with a bound has none.
func (o *ordering) servedBy(t *table, p *path) bool {
	if p.byKey() {
		return false
	}
	return t.Columns[p.column].NotNull || p.column == t.key || p.bounded() || o.nullsFirst != o.descending
}

// sortKey is one ORDER BY entry.
type sortKey struct {
	x          node
	descending bool
	nullsFirst bool
}

// maxSortKeys bounds how long comparing two rows can take.
const maxSortKeys = 100

// orderBy binds ORDER BY: a column or expression, the name of an output column, or its number.
func (b *binder) orderBy(list []syntax.Order, items []outputItem) ([]sortKey, error) {
	if err := b.atMostSortKeys(list); err != nil {
		return nil, err
	}
	var keys []sortKey
	output := namedItems{"ORDER BY", items, map[string]node{}}
	for _, o := range list {
		x, err := b.outputExpr(o.Expr, output)
		if err != nil {
			return nil, err
		}
		keys = append(keys, newSortKey(x, o))
	}
	return keys, nil
}

func (b *binder) atMostSortKeys(list []syntax.Order) error {
	if len(list) > maxSortKeys {
		return b.fail(list[maxSortKeys].Expr.At(), pgerr.ProgramLimitExceeded, "ORDER BY has %d entries, the limit is %d", len(list), maxSortKeys)
	}
	return nil
}

func newSortKey(x node, o syntax.Order) sortKey {
	key := sortKey{x, o.Descending, o.Descending}
	if o.NullsFirst != nil {
		key.nullsFirst = *o.NullsFirst
	}
	return key
}

// outputExpr binds an expression that may name an output column or give its number.
func (b *binder) outputExpr(x syntax.Expr, output namedItems) (node, error) {
	switch x := x.(type) {
	case *syntax.Literal:
		n, err := strconv.Atoi(x.Text)
		if x.Kind != syntax.Integer {
			return nil, b.fail(x.At(), pgerr.SyntaxError, "non-integer constant in %s", output.clause)
		}
		if err != nil || n < 1 || n > len(output.items) {
			return nil, b.fail(x.At(), invalidColumnReference, "%s position %s is not in select list", output.clause, x.Text)
		}
		err = b.settleItem(output.items, n-1)
		return output.items[n-1].x, err
	case *syntax.Column:
		if x.Table == "" {
			if found, err := b.namedItem(x, output); found != nil || err != nil {
				return found, err
			}
		}
	}
	return b.settled(x)
}

// namedItems are the output columns that a clause may name, and by name those that were found before: comparing expressions
// takes its time.
type namedItems struct {
	clause string
	items  []outputItem
	found  map[string]node
}

// namedItem finds the output column of a name, nil if there is none.
func (b *binder) namedItem(x *syntax.Column, output namedItems) (node, error) {
	found, known := output.found[x.Name]
	if known {
		return found, nil
	}
	for i, item := range output.items {
		switch {
		case item.name != x.Name:
		case found == nil:
			if err := b.settleItem(output.items, i); err != nil {
				return nil, err
			}
			found = output.items[i].x
		case printed(found) != printed(item.x):
			return nil, b.fail(x.At(), ambiguousColumn, "%s \"%s\" is ambiguous", output.clause, x.Name)
		}
	}
	output.found[x.Name] = found
	return found, nil
}

// ambiguousColumn is SQLSTATE 42702.
const ambiguousColumn = "42702"

// pathOrder is what an access path could do about the sort keys: nil unless there is one and it is a column.
func pathOrder(keys []sortKey, limited bool) *ordering {
	if len(keys) == 0 {
		return nil
	}
	c, ok := keys[0].x.(*column)
	if !ok {
		return nil
	}
	return &ordering{c.place, keys[0].descending, keys[0].nullsFirst, limited}
}

// sortable is a row with the values it is sorted by.
type sortable struct {
	row  []any
	keys []any
}

// evaluated gives the values of a row's sort keys, nil without any.
func evaluated(keys []sortKey, s *scope) ([]any, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	values := make([]any, len(keys))
	for i, k := range keys {
		v, err := k.x.eval(s)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, s.keep(rowBytes(values))
}

// sortRows orders rows. An error on the way leaves them in any order.
func sortRows(rows []sortable, keys []sortKey, s *scope) (err error) {
	slices.SortStableFunc(rows, func(a, b sortable) int {
		for i, k := range keys {
			if err == nil {
				err = s.spend(nodeUnits)
			}
			if err == nil {
				err = s.spendComparing(a.keys[i], b.keys[i])
			}
			if err != nil {
				return 0
			}
			if c := k.compare(a.keys[i], b.keys[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return err
}

func (k sortKey) compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil || b == nil:
		if (a == nil) == k.nullsFirst {
			return -1
		}
		return 1
	case k.descending:
		return compare(b, a)
	}
	return compare(a, b)
}
