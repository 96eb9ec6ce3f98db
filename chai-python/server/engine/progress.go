package engine

// Progress hears how far a long operation is: the step that runs, and what is
// done of the total, in bytes. Total is an estimate, 0 when unknown. It is
// called from the operation's goroutine and must return at once; nil is allowed.
type Progress func(step string, done, total int64)

func (p Progress) report(step string, done, total int64) {
	if p != nil {
		p(step, done, total)
	}
}
