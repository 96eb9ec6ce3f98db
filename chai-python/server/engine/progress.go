package engine

import "time"

// Progress hears how far a long operation is: the step that runs, and what is
// done of the total, in bytes. Total is an estimate, 0 when unknown. It is
// called from the operation's goroutine and must return at once; nil is allowed.
type Progress func(step string, done, total int64)

func (p Progress) report(step string, done, total int64) {
	if p != nil {
		p(step, done, total)
	}
}

// ProgressEvery keeps what is told of progress to what somebody can watch.
const ProgressEvery = 100 * time.Millisecond

// ProgressEvent is how progress is told in JSON, on standard output and in
// notices: {"progress": {"step": …, "done": …, "total": …}}.
type ProgressEvent struct {
	Progress struct {
		Step  string `json:"step"`
		Done  int64  `json:"done"`
		Total int64  `json:"total"`
	} `json:"progress"`
}

// NewProgressEvent takes what a Progress hears.
func NewProgressEvent(step string, done, total int64) (e ProgressEvent) {
	e.Progress.Step, e.Progress.Done, e.Progress.Total = step, done, total
	return e
}
