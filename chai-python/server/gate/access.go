package gate

import "time"

// An access path is how Chai reads a table: by keys, along a range of one column in its order, or as a whole. It may give
// too many rows, never too few: every condition is evaluated again on what it gives. Only shapes that Chai plans rightly
// are composed: the column on the left, one comparison, a parameter converted to the column's type.
type path struct {
	column     int // place of the column that is read in order; -1: the whole table in the key's order
	equal      []node
	keys       *selection // key IN (SELECT …)
	array      *inArray   // key = ANY (array)
	low, high  *bound
	descending bool
	exact      bool // the path gives just the rows that the conditions want
}

// bound limits a column on one side.
type bound struct {
	op    string // < <= > >=
	value node   // has one value for the whole statement
}

func (p *path) byKey() bool   { return p.equal != nil || p.keys != nil || p.array != nil }
func (p *path) bounded() bool { return p.low != nil || p.high != nil }

// conjuncts are the conditions that must all hold.
func conjuncts(condition node) []node {
	switch n := condition.(type) {
	case nil:
		return nil
	case *logical:
		if !n.or {
			var all []node
			for _, term := range n.terms {
				all = append(all, conjuncts(term)...)
			}
			return all
		}
	}
	return []node{condition}
}

// choosePath finds the cheapest path for conditions: keys, then values of an indexed column, then a column that the rows
// are wanted in the order of, then a range with two ends, then one with one end.
func choosePath(t *table, conditions []node, wanted *ordering) *path {
	best := &path{column: -1}
	score := 0
	for place := range t.Columns {
		if !t.indexed[place] {
			continue
		}
		p := columnPath(t, place, conditions)
		if s := p.score(t, wanted); s > score {
			best, score = p, s
		}
	}
	if wanted.on(best.column) {
		best.descending = wanted.descending
	}
	return best
}

func (p *path) score(t *table, wanted *ordering) int {
	score := 0
	switch {
	case p.byKey() && p.column == t.key:
		return 100
	case p.byKey():
		return 90
	case p.low != nil && p.high != nil:
		score = 30
	case p.bounded():
		score = 20
	}
	if wanted.on(p.column) && wanted.servedBy(t, p) {
		score += 15
		if wanted.limited {
			score += 40
		}
	}
	if score > 0 && p.column == t.key {
		score++ // reading the table itself saves a look-up for each row
	}
	return score
}

// columnPath collects what the conditions say about one column.
func columnPath(t *table, place int, conditions []node) *path {
	p := &path{column: place}
	used := 0
	for _, c := range conditions {
		if p.take(t, c) {
			used++
		}
	}
	if p.byKey() {
		p.low, p.high = nil, nil
	}
	p.exact = used == len(conditions) && used <= 1 && p.keys == nil
	return p
}

// take uses a condition if it limits the path's column and nothing on the same side did before.
func (p *path) take(t *table, condition node) bool {
	switch c := condition.(type) {
	case *comparison:
		op, value := p.operand(t, c)
		switch {
		case value == nil:
		case op == "=" && !p.byKey():
			p.equal = []node{value}
			return true
		case (op == ">" || op == ">=") && p.low == nil:
			p.low = &bound{op, value}
			return true
		case (op == "<" || op == "<=") && p.high == nil:
			p.high = &bound{op, value}
			return true
		}
	case *membership:
		if x, ok := c.x.(*column); ok && x.place == p.column && !p.byKey() && p.suitable(t, c.list...) {
			p.equal = c.list
			return true
		}
	case *inArray:
		if x, ok := c.x.(*column); ok && x.place == p.column && !p.byKey() && rowless(c.array) && p.finds(t, c.as) {
			p.array = c
			return true
		}
	case *inSelect:
		if x, ok := c.x.(*column); ok && x.place == p.column && !p.byKey() {
			p.keys = c.from
			return true
		}
	}
	return false
}

// operand turns a comparison with the path's column so that the column is on the left; nil if it says nothing about it.
func (p *path) operand(t *table, c *comparison) (string, node) {
	if x, ok := c.x.(*column); ok && x.place == p.column && p.suitable(t, c.y) {
		return c.op, c.y
	}
	if y, ok := c.y.(*column); ok && y.place == p.column && p.suitable(t, c.x) {
		return flipped[c.op], c.x
	}
	return "", nil
}

var flipped = map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// suitable says whether values can be looked up in the path's column: they are known before the first row is, and are of
// its family. An integer column is not searched for floats, which compare otherwise.
func (p *path) suitable(t *table, values ...node) bool {
	for _, v := range values {
		if !p.finds(t, v.typ()) || !rowless(v) {
			return false
		}
	}
	return true
}

// finds says whether values of a type are found in the path's column.
func (p *path) finds(t *table, of Type) bool {
	c, f := t.types[p.column].family(), of.family()
	return f == c || c == floatFamily && f == intFamily || c == intFamily && f == decimalFamily
}

// searchValue converts a value to what Chai finds in a column of type t, nil for what no column holds. clamped: the value
// lies beyond all that can be stored and was replaced by the outermost one.
func searchValue(v any, t Type) (value any, clamped bool) {
	switch v := v.(type) {
	case int64:
		if t.family() == floatFamily {
			return float64(v), false
		}
		return v, false
	case Decimal:
		if whole, exact := v.floor(); exact && whole.IsInt64() {
			return whole.Int64(), false
		}
		return nil, false
	case float64:
		return storedFloat(v), false
	case time.Time:
		switch {
		case v.Before(earliestTimestamp):
			return earliestTimestamp, true
		case v.After(latestTimestamp):
			return latestTimestamp, true
		}
		return microseconds(v), false
	}
	return v, false
}
