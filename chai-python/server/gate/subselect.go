package gate

import (
	"strings"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// inSelect is x IN (SELECT y …), at the top level of WHERE. The inner SELECT runs once, before the outer one reads.
type inSelect struct {
	x    node
	from *selection
}

func (n *inSelect) typ() Type { return Bool }
func (n *inSelect) eval(s *scope) (any, error) {
	x, err := n.x.eval(s)
	if err != nil || x == nil {
		return nil, err
	}
	if err := s.spendOn(x); err != nil {
		return nil, err
	}
	if values := s.selected[n.from]; values != nil {
		return values.has(x), nil
	}
	return nil, nil // before the inner SELECT has run
}

// selection is the inner SELECT.
type selection struct {
	plan *selectPlan
	of   Type // what its values are compared as
}

// valueSet holds values in the order in which they came, without NULL and repetitions.
type valueSet struct {
	list []any
	seen map[any]bool
}

func newValueSet(size int) *valueSet { return &valueSet{seen: make(map[any]bool, size)} }

func (v *valueSet) has(x any) bool { return v.seen[hashable(x)] }

func (v *valueSet) add(x any) {
	if x == nil || v.has(x) {
		return
	}
	v.seen[hashable(x)] = true
	v.list = append(v.list, x)
}

// hashable makes equal values equal as map keys.
func hashable(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case float64:
		return storedFloat(v)
	case Decimal:
		return strings.TrimRight(v.rescaled(decimalDigits).String(), "0")
	}
	return v
}

func (s *selection) run(x *execution) (*valueSet, error) {
	rows, err := s.plan.rows(x)
	if err != nil {
		return nil, err
	}
	set := newValueSet(len(rows))
	for _, row := range rows {
		v := row[0]
		if from := s.plan.items[0].x.typ(); v != nil && from.family() != s.of.family() {
			if v, err = castValue(v, from, s.of); err != nil {
				return nil, err
			}
		}
		const entry = 64 // of the map
		if err := x.scope.keep(entry + 2*valueBytes(v)); err != nil {
			return nil, err
		}
		set.add(v)
	}
	return set, nil
}

func (b *binder) inSelect(x *syntax.In) (node, error) {
	if !b.inAnd || x.Not {
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "this form of IN (SELECT …) is not supported").
			WithHint("Supported is WHERE key IN (SELECT key …), alone or with AND.")
	}
	defer b.setInAnd(false)()
	left, err := b.expr(x.X)
	if err != nil {
		return nil, err
	}
	plan, err := b.inner(b).selectPlan(x.Select)
	if err != nil {
		return nil, err
	}
	if len(plan.items) == 0 {
		return nil, b.fail(x.At(), pgerr.SyntaxError, "subquery has too few columns")
	}
	if len(plan.items) != 1 {
		return nil, b.fail(x.Select.Items[0].At, pgerr.SyntaxError, "subquery has too many columns")
	}
	right := plan.items[0].x
	if left, err = b.coerceOpen(left, right.typ(), x.X); err != nil {
		return nil, err
	}
	of := left.typ()
	if l, r := of.family(), right.typ().family(); l != r {
		if !l.numeric() || !r.numeric() {
			return nil, b.noOperator("=", left.typ(), right.typ(), x)
		}
		of = wider(of, right.typ())
		if left, err = b.castNode(left, of, x.X); err != nil {
			return nil, err
		}
	}
	return &inSelect{left, &selection{plan, of}}, nil
}

// prepareSelections runs the inner SELECTs of conditions.
func prepareSelections(x *execution, conditions []node) error {
	for _, c := range conditions {
		n, ok := c.(*inSelect)
		if !ok {
			continue
		}
		values, err := n.from.run(x)
		if err != nil {
			return err
		}
		if x.scope.selected == nil {
			x.scope.selected = map[*selection]*valueSet{}
		}
		x.scope.selected[n.from] = values
	}
	return nil
}
