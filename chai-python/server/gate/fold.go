package gate

import "slices"

// PostgreSQL computes what does not depend on a row before it reads any, so that SELECT 1 / 0 FROM empty fails. What follows
// does so for expressions that can fail.

// foldable picks the expressions that have such a part.
func foldable(list ...node) []node {
	var found []node
	seen := map[node]bool{} // ORDER BY 1 and its like: what holds an inner SELECT that holds another would be computed ever more often
	for _, n := range list {
		if hasFoldable(n) && !seen[n] {
			seen[n] = true
			found = append(found, n)
		}
	}
	return found
}

func hasFoldable(n node) (found bool) {
	walk(n, func(n node) bool {
		if a, ok := n.(*aggregate); ok {
			found = found || slices.ContainsFunc(a.inputs(), hasFoldable)
		}
		if s := selectionOf(n); s != nil {
			found = found || len(s.plan.folded)+len(s.plan.foldedWindow) > 0 || s.plan.selections != nil
		}
		found = found || canFail(n) && mayBeFixed(n)
		return !found
	})
	return found
}

func canFail(n node) bool {
	switch n.(type) {
	case *arithmetic, *negative, *cast, *like, *escaped, *concat, *functionCall:
		return true
	}
	return false
}

// mayBeFixed leaves out what surely has no value before a row is read.
func mayBeFixed(n node) bool {
	result := true
	walk(n, func(n node) bool {
		result = result && !varies(n)
		return result && !decides(n)
	})
	return result
}

// immutable says whether an expression has the same value wherever it stands.
func immutable(n node) bool {
	result := true
	walk(n, func(n node) bool {
		result = result && !varies(n)
		return result
	})
	return result
}

// varies tells nodes whose value is not settled by their parts alone.
func varies(n node) bool {
	switch n := n.(type) {
	case *column, *excluded, *aggregate, *transactionStart, *inSelect, *scalarSelect, *exists, *joinedTexts:
		return true
	case *cast:
		return dependsOnSettings(n)
	case *functionCall:
		return n.setting
	case *comparison:
		return ofTwoTimes(n.x, n.y)
	case *distinct:
		return ofTwoTimes(n.x, n.y)
	case *nullIf:
		return ofTwoTimes(n.x, n.y)
	case *membership:
		return slices.ContainsFunc(n.list, func(item node) bool { return ofTwoTimes(n.x, item) })
	case *inArray:
		return ofTwoTimes(n.x, n.element)
	case *arrayCast:
		return true
	}
	return false
}

// ofTwoTimes tells comparisons of a timestamp with one that has a time zone: which one is meant is a setting.
func ofTwoTimes(x, y node) bool {
	return x.typ() != y.typ() && x.typ().family() == timeFamily && y.typ().family() == timeFamily && (x.typ() == Timestamptz || y.typ() == Timestamptz)
}

// decides tells nodes that one of their parts can settle, whatever the others are.
func decides(n node) bool {
	switch n.(type) {
	case *logical, *caseWhen, *coalesce:
		return true
	}
	return false
}

// dependsOnSettings tells casts whose outcome PostgreSQL's settings for dates and time zones have a part in.
func dependsOnSettings(n *cast) bool {
	from, to := n.x.typ(), n.to
	switch {
	case from == Interval, to == Interval:
		return from != to
	case from.family() == timeFamily && to.family() == timeFamily:
		return from != to && (from == Timestamptz || to == Timestamptz)
	case from.family() == timeFamily, to.family() == timeFamily:
		return true
	}
	return false
}

// fold computes the parts that do not depend on a row.
func (x *execution) fold(list []node) error { return foldAll(list, &x.scope) }

// foldNode gives the value of an expression that is fixed.
func foldNode(n node, s *scope) (value any, fixed bool, err error) {
	switch n := n.(type) {
	case nil:
		return nil, false, nil
	case *logical:
		return foldLogical(n, s)
	case *caseWhen:
		return foldCase(n, s)
	case *coalesce:
		return foldCoalesce(n, s)
	case *aggregate:
		for _, input := range n.inputs() {
			if _, _, err := foldNode(input, s); err != nil {
				return nil, false, err
			}
		}
		return nil, false, nil
	}
	if from := selectionOf(n); from != nil {
		if err := from.fold(s); err != nil {
			return nil, false, err
		}
	}
	fixed = !varies(n)
	null := false
	for _, child := range children(n) {
		v, known, err := foldNode(child, s)
		if err != nil {
			return nil, false, err
		}
		fixed = fixed && known
		null = null || known && v == nil
	}
	if null && strict(n) || !fixed {
		return nil, null && strict(n), nil
	}
	value, err = evalAside(n, s)
	return value, true, err
}

// evalAside computes an expression of which nothing is kept.
func evalAside(n node, s *scope) (any, error) {
	before := s.madeSoFar()
	v, err := n.eval(s)
	if err != nil {
		return nil, err
	}
	return v, s.madeInstead(before, 0)
}

// foldLogical: as in PostgreSQL, a term that decides an AND or OR leaves those after it uncomputed.
func foldLogical(n *logical, s *scope) (value any, fixed bool, err error) {
	fixed = true
	for _, term := range n.terms {
		v, known, err := foldNode(term, s)
		if err != nil || known && v == n.or {
			return v, known, err
		}
		fixed = fixed && known
	}
	if !fixed {
		return nil, false, nil
	}
	value, err = evalAside(n, s)
	return value, true, err
}

// foldCase: what stands beside a condition that is known not to hold is not computed, nor is what stands behind one that is
// known to.
func foldCase(n *caseWhen, s *scope) (value any, fixed bool, err error) {
	open := false
	for i, condition := range n.conditions {
		v, known, err := foldNode(condition, s)
		if err != nil {
			return nil, false, err
		}
		if known && v != true {
			continue
		}
		open = open || !known
		value, fixed, err := foldNode(n.values[i], s)
		if err != nil || known {
			return value, fixed && !open, err
		}
	}
	value, fixed, err = foldNode(n.otherwise, s)
	return value, fixed && !open, err
}

// foldCoalesce: what stands behind a value that is known not to be NULL is not computed.
func foldCoalesce(n *coalesce, s *scope) (value any, fixed bool, err error) {
	fixed = true
	for _, x := range n.list {
		v, known, err := foldNode(x, s)
		if err != nil {
			return nil, false, err
		}
		fixed = fixed && known
		if known && v != nil {
			return v, fixed, nil
		}
	}
	return nil, fixed, nil
}

// fold computes what does not depend on a row in an inner SELECT, whether or not anybody will ask for its result.
func (s *selection) fold(to *scope) error {
	if s.use != asExistence || !s.plan.eachRowCounts() {
		return s.plan.fold(to)
	}
	simple, err := s.plan.limitLetsRowsCount(to) // which folds the window
	switch {
	case err != nil:
		return err
	case simple:
		return foldAll(s.plan.foldedConditions, to) // the rest is not computed
	}
	return foldAll(s.plan.folded, to)
}

func (p *selectPlan) fold(to *scope) error {
	if err := foldAll(p.folded, to); err != nil {
		return err
	}
	return foldAll(p.foldedWindow, to)
}

func foldAll(list []node, s *scope) error {
	for _, n := range list {
		if _, _, err := foldNode(n, s); err != nil {
			return err
		}
	}
	return nil
}
