package gate

// PostgreSQL computes what does not depend on a row before it reads any, so that SELECT 1 / 0 FROM empty fails. What follows
// does so for expressions that can fail.

// foldable picks the expressions that have such a part.
func foldable(list ...node) []node {
	var found []node
	for _, n := range list {
		if hasFoldable(n) {
			found = append(found, n)
		}
	}
	return found
}

func hasFoldable(n node) (found bool) {
	walk(n, func(n node) bool {
		if a, ok := n.(*aggregate); ok {
			found = found || hasFoldable(a.x)
		}
		found = found || canFail(n) && immutable(n)
		return !found
	})
	return found
}

func canFail(n node) bool {
	switch n.(type) {
	case *arithmetic, *negative, *cast, *like, *escaped:
		return true
	}
	return false
}

// immutable says whether an expression has the same value wherever it stands.
func immutable(n node) bool {
	result := true
	walk(n, func(n node) bool {
		switch n := n.(type) {
		case *column, *excluded, *aggregate, *transactionStart, *inSelect:
			result = false
		case *cast:
			result = result && !dependsOnSettings(n)
		}
		return result
	})
	return result
}

// dependsOnSettings tells casts whose outcome PostgreSQL's settings for dates and time zones have a part in.
func dependsOnSettings(n *cast) bool {
	from, to := n.x.typ(), n.to
	switch {
	case from.family() == timeFamily && to.family() == timeFamily:
		return from != to
	case from.family() == timeFamily, to.family() == timeFamily:
		return true
	}
	return false
}

// fold computes the parts that do not depend on a row.
func (x *execution) fold(list []node) error {
	for _, n := range list {
		if _, _, err := foldNode(n, &x.scope); err != nil {
			return err
		}
	}
	return nil
}

// foldNode gives the value of an expression that is fixed. As in PostgreSQL, an AND or OR that one of its terms decides is,
// and the terms after that one are not computed.
func foldNode(n node, s *scope) (value any, fixed bool, err error) {
	if n == nil {
		return nil, false, nil
	}
	if l, ok := n.(*logical); ok {
		for _, term := range l.terms {
			v, fixed, err := foldNode(term, s)
			if err != nil || fixed && v == l.or {
				return v, fixed, err
			}
		}
		return foldWhole(n, s)
	}
	if a, ok := n.(*aggregate); ok {
		_, _, err = foldNode(a.x, s)
		return nil, false, err
	}
	for _, child := range children(n) {
		if _, _, err := foldNode(child, s); err != nil {
			return nil, false, err
		}
	}
	return foldWhole(n, s)
}

func foldWhole(n node, s *scope) (value any, fixed bool, err error) {
	if !immutable(n) {
		return nil, false, nil
	}
	value, err = n.eval(s)
	return value, true, err
}
