package gate

import (
	"slices"
	"time"
)

// node is a checked expression. Its value is nil for NULL, else a Go value of its type's family.
type node interface {
	typ() Type
	eval(s *scope) (any, error)
}

// scope holds what expressions can refer to while a statement runs.
type scope struct {
	args     []any
	now      time.Time
	row      []any // the current row, by the column's place in its table
	values   []any // of the aggregates of the current group
	proposed []any // EXCLUDED of ON CONFLICT DO UPDATE
	selected map[*selection]*outcome
	meter    *Meter // nil while constants are computed
}

type constant struct {
	value any
	of    Type
}

func (n *constant) typ() Type                { return n.of }
func (n *constant) eval(*scope) (any, error) { return n.value, nil }

// parameter is $number; its type is settled by the first thing that gives it one. What stood before that keeps it open.
type parameter struct {
	number int // from 0
	of     Type
}

func (n *parameter) typ() Type                  { return n.of }
func (n *parameter) eval(s *scope) (any, error) { return s.args[n.number], nil }

// paramTypes are the parameters of one statement; open ones are of type Type{}.
type paramTypes struct {
	list  []Type
	nodes []*parameter
}

type column struct {
	place int
	of    Type
}

func (n *column) typ() Type                  { return n.of }
func (n *column) eval(s *scope) (any, error) { return valueAt(s.row, n.place), nil }

// valueAt is NULL while there is no row: what is computed then has one value, whatever the rows hold.
func valueAt(row []any, place int) any {
	if row == nil {
		return nil
	}
	return row[place]
}

// excluded is a column of the row that ON CONFLICT proposed.
type excluded struct {
	place int
	of    Type
}

func (n *excluded) typ() Type                  { return n.of }
func (n *excluded) eval(s *scope) (any, error) { return valueAt(s.proposed, n.place), nil }

// transactionStart is now(), of Timestamptz or, as LOCALTIMESTAMP, of Timestamp.
type transactionStart struct{ of Type }

func (n *transactionStart) typ() Type                  { return n.of }
func (n *transactionStart) eval(s *scope) (any, error) { return s.now, nil }

type cast struct {
	x  node
	to Type
}

func (n *cast) typ() Type { return n.to }
func (n *cast) eval(s *scope) (any, error) {
	before := s.madeSoFar()
	v, err := n.x.eval(s)
	if err != nil || v == nil {
		return nil, err
	}
	if err := s.spendOn(v); err != nil {
		return nil, err
	}
	made, err := castValue(v, n.x.typ(), n.to)
	if err == nil && n.x.typ().family() != n.to.family() {
		err = s.madeInstead(before, textLength(made))
	}
	return made, err
}

// comparison is x op y with op one of = <> < <= > >=.
type comparison struct {
	op   string
	x, y node
}

func (n *comparison) typ() Type { return Bool }
func (n *comparison) eval(s *scope) (any, error) {
	if _, ok := n.y.(*transactionStart); ok {
		x, err := n.x.eval(s)
		if t, ok := x.(time.Time); ok || err != nil { // the same as below, without putting now() on the heap for each row
			return holds(n.op, t.Compare(s.now)), err
		}
	}
	x, y, err := operands(n.x, n.y, s)
	if err != nil || x == nil || y == nil {
		return nil, err
	}
	if err := s.spendComparing(x, y); err != nil {
		return nil, err
	}
	return holds(n.op, compare(x, y)), nil
}

// operands evaluates both sides of an operator that gives NULL for NULL. As in PostgreSQL, a side that is NULL wherever it
// stands decides: the other one is not computed, and cannot fail.
func operands(left, right node, s *scope) (x, y any, err error) {
	x, err = left.eval(s)
	if err == nil && x == nil && alwaysNull(left, s) {
		return nil, nil, nil
	}
	y, yErr := right.eval(s)
	switch {
	case (err != nil || yErr != nil) && (alwaysNull(left, s) || alwaysNull(right, s)):
		return nil, nil, nil
	case err == nil:
		err = yErr
	}
	return x, y, err
}

// alwaysNull says whether an expression is NULL for every row because a part of it is. What was found out is remembered while the
// statement runs: an expression asks about its parts, which ask about theirs, and so it would take twice as long for each level.
func alwaysNull(n node, s *scope) bool {
	if _, isColumn := n.(*column); isColumn {
		return false
	}
	if s == nil || s.meter == nil {
		return findAlwaysNull(n, s)
	}
	u := &s.meter.statement
	null, known := u.alwaysNull[n]
	if !known {
		null = findAlwaysNull(n, s)
		if u.alwaysNull == nil {
			u.alwaysNull = map[node]bool{}
		}
		u.alwaysNull[n] = null
	}
	return null
}

func findAlwaysNull(n node, s *scope) bool {
	switch n := n.(type) {
	case *constant, *parameter:
		v, err := n.eval(s)
		return v == nil && err == nil
	case *caseWhen, *coalesce:
		v, fixed, err := foldNode(n, s)
		return v == nil && fixed && err == nil
	}
	if strict(n) {
		return slices.ContainsFunc(children(n), func(child node) bool { return alwaysNull(child, s) })
	}
	v, known, err := foldNode(n, s)
	return known && v == nil && err == nil
}

// strict tells nodes that are NULL when one of their parts is.
func strict(n node) bool {
	switch n.(type) {
	case *arithmetic, *comparison, *positive, *negative, *cast, *like, *escaped, *functionCall, *concat:
		return true
	}
	return false
}

func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "<>":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// logical is AND or OR over any number of terms, with SQL's three values.
type logical struct {
	or      bool
	terms   []node
	inOrder []node // the terms that are the same for all rows first: one that decides leaves the others uncomputed
}

// newLogical takes an AND of ANDs for one, as PostgreSQL does, and an OR of ORs.
func newLogical(or bool, nested ...node) *logical {
	var terms []node
	for _, term := range nested {
		if inner, ok := term.(*logical); ok && inner.or == or {
			terms = append(terms, inner.terms...)
		} else {
			terms = append(terms, term)
		}
	}
	fixed, varying := make([]node, 0, len(terms)), []node(nil)
	for _, term := range terms {
		if immutable(term) {
			fixed = append(fixed, term)
		} else {
			varying = append(varying, term)
		}
	}
	return &logical{or, terms, append(fixed, varying...)}
}

func (n *logical) typ() Type { return Bool }
func (n *logical) eval(s *scope) (any, error) {
	var result any = !n.or
	for _, term := range n.inOrder {
		v, err := term.eval(s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			result = nil
		} else if v.(bool) == n.or {
			return n.or, nil
		}
	}
	return result, nil
}

type not struct{ x node }

func (n *not) typ() Type { return Bool }
func (n *not) eval(s *scope) (any, error) {
	v, err := n.x.eval(s)
	if err != nil || v == nil {
		return nil, err
	}
	return !v.(bool), nil
}

// isNull is x IS NULL, or IS NOT NULL if negated.
type isNull struct {
	x       node
	negated bool
}

func (n *isNull) typ() Type { return Bool }
func (n *isNull) eval(s *scope) (any, error) {
	v, err := n.x.eval(s)
	return (v == nil) != n.negated, err
}

// distinct is x IS DISTINCT FROM y, or IS NOT if negated: NULL is like NULL.
type distinct struct {
	x, y    node
	negated bool
}

func (n *distinct) typ() Type { return Bool }
func (n *distinct) eval(s *scope) (any, error) {
	x, err := n.x.eval(s)
	if err != nil {
		return nil, err
	}
	y, err := n.y.eval(s)
	if err != nil {
		return nil, err
	}
	if err := s.spendComparing(x, y); err != nil {
		return nil, err
	}
	same := x == nil && y == nil || x != nil && y != nil && compare(x, y) == 0
	return same == n.negated, nil
}

// isTruth is x IS value, or IS NOT if negated; NULL is neither TRUE nor FALSE.
type isTruth struct {
	x              node
	value, negated bool
}

func (n *isTruth) typ() Type { return Bool }
func (n *isTruth) eval(s *scope) (any, error) {
	v, err := n.x.eval(s)
	return (v == n.value) != n.negated, err
}

// membership is x IN (list).
type membership struct {
	x    node
	list []node
}

func (n *membership) typ() Type { return Bool }
func (n *membership) eval(s *scope) (any, error) {
	x, err := n.x.eval(s)
	switch {
	case err != nil:
		return nil, err
	case len(n.list) == 0:
		return false, nil
	case x == nil:
		return nil, nil
	}
	if err := s.spend(nodeUnits * len(n.list)); err != nil {
		return nil, err
	}
	var result any = false
	for _, item := range n.list {
		v, err := item.eval(s)
		if err != nil {
			return nil, err
		}
		if result == true { // as in PostgreSQL, all of the list is computed
			continue
		}
		if err := s.spendComparing(x, v); err != nil {
			return nil, err
		}
		if v == nil {
			result = nil
		} else if compare(x, v) == 0 {
			result = true
		}
	}
	return result, nil
}

// isTrue says whether a condition holds; no condition does.
func isTrue(condition node, s *scope) (bool, error) {
	if condition == nil {
		return true, nil
	}
	v, err := condition.eval(s)
	return v == true, err
}

// walk visits a tree of nodes from the top until visit returns false for a branch.
func walk(n node, visit func(node) bool) {
	if n == nil || !visit(n) {
		return
	}
	for _, child := range children(n) {
		walk(child, visit)
	}
}

// children are the nodes that a node is made of, except for an aggregate's, which is computed on other rows.
func children(n node) []node {
	switch n := n.(type) {
	case *cast:
		return []node{n.x}
	case *comparison:
		return []node{n.x, n.y}
	case *arithmetic:
		return []node{n.x, n.y}
	case *logical:
		return n.terms
	case *not:
		return []node{n.x}
	case *isNull:
		return []node{n.x}
	case *distinct:
		return []node{n.x, n.y}
	case *like:
		return []node{n.x, n.pattern}
	case *escaped:
		return []node{n.pattern, n.escape}
	case *positive:
		return []node{n.x}
	case *negative:
		return []node{n.x}
	case *functionCall:
		return n.args
	case *joinedTexts:
		if n.separator == nil {
			return n.list
		}
		return append([]node{n.separator}, n.list...)
	case *isTruth:
		return []node{n.x}
	case *membership:
		return append([]node{n.x}, n.list...)
	case *inArray:
		return []node{n.x, n.array}
	case *arrayCast:
		return []node{n.x}
	case *inSelect:
		return []node{n.x}
	case *concat:
		return []node{n.x, n.y}
	case *nullIf:
		return []node{n.value, n.x, n.y}
	case *coalesce:
		return n.list
	case *extremum:
		return n.list
	case *caseWhen:
		return append(append(append([]node(nil), n.conditions...), n.values...), n.otherwise)
	}
	return nil
}

// rowless says whether an expression has one value for the whole statement.
func rowless(n node) bool {
	result := true
	walk(n, func(n node) bool {
		switch n.(type) {
		case *column, *excluded, *aggregate:
			result = false
		}
		return result
	})
	return result
}
