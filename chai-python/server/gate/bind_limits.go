package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// What a short text can make of itself: a plan that is much larger, or works much longer, than the text tells. It is counted for
// the whole statement.

// Some expressions are computed more often than they are written: what BETWEEN compares with two values, CASE with many, and
// NULLIF compares and gives. Within one another they would be computed as often as there are ways through all of them.

// maxRepeated bounds the nodes of expressions that a plan has beyond those that are written.
const maxRepeated = 20_000

// repeat counts that an expression is to be computed so many times more; nil is none.
func (b *binder) repeat(n node, times int, x syntax.Expr) error {
	root := b.outermost()
	if n == nil || times <= 0 {
		return nil
	}
	if root.repeated += nodes(n) * times; root.repeated > maxRepeated {
		return b.fail(x.At(), pgerr.ProgramLimitExceeded, "BETWEEN, CASE and NULLIF would compute more than %d values again", maxRepeated).
			WithHint("Nest them less deeply.")
	}
	return nil
}

// maxCells bounds the values of all rows that an INSERT writes out: each row has all columns of the table.
const maxCells = 200_000

// countCells counts one row.
func (b *binder) countCells(columns int) error {
	if b.cells += columns; b.cells > maxCells {
		return pgerr.New(pgerr.ProgramLimitExceeded, "INSERT has more than %d values, the defaults of the %d columns among them", maxCells, columns).
			WithHint("Insert fewer rows at a time.")
	}
	return nil
}

// countItems bounds what a short text can make a plan weigh: EXISTS (SELECT DISTINCT * …) again and again.
func (b *binder) countItems(plan *selectPlan, x syntax.Expr) error {
	root := b.outermost()
	if root.innerItems += plan.width; root.innerItems > maxItems {
		return b.fail(x.At(), pgerr.ProgramLimitExceeded, "inner SELECTs have %d columns together, the limit is %d", root.innerItems, maxItems).
			WithHint("Write EXISTS (SELECT FROM …).")
	}
	return nil
}

// outermost is the binder of the whole statement.
func (b *binder) outermost() *binder {
	for b.outer != nil {
		b = b.outer
	}
	return b
}
