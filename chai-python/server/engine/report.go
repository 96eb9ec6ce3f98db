package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Kinds of problems that an audit finds.
const (
	ProblemMissing    = "missing"    // rows that their index does not have: they are not found by its column
	ProblemStray      = "stray"      // index entries without their row: writes that meet them fail
	ProblemUnsorted   = "unsorted"   // keys out of order: some of them cannot be found
	ProblemUnreadable = "unreadable" // stored bytes that cannot be read
	ProblemMismatch   = "mismatch"   // rows stored under another key than their own
	ProblemDuplicate  = "duplicate"  // equal values in a unique index
)

// repairable are the problems that Repair can mend: all others are in the data itself.
var repairable = []string{ProblemMissing, ProblemStray}

// namedRows is how many rows of each problem the report names.
const namedRows = 5

// Problem is one kind of damage in one table or index.
type Problem struct {
	Kind   string   `json:"kind"`
	Count  int64    `json:"count"`
	Rows   []string `json:"rows,omitempty"` // the first few, named by the hash of their key: it may be a token
	Detail string   `json:"detail,omitempty"`
}

// CheckReport is the result of an audit.
type CheckReport struct {
	Tables []*TableReport `json:"tables"`
}

// TableReport is about one table, by the name that clients gave it.
type TableReport struct {
	Name     string         `json:"name"`
	Rows     int64          `json:"rows"`
	Problems []*Problem     `json:"problems,omitempty"`
	Indexes  []*IndexReport `json:"indexes,omitempty"`
	Skipped  string         `json:"skipped,omitempty"` // why it was not looked at

	stored  string // the name under which Chai keeps it
	partial bool   // a damaged file ended the walk
}

// IndexReport is about one index, by the name that clients gave it.
type IndexReport struct {
	Name     string     `json:"name"`
	Entries  int64      `json:"entries"`
	Problems []*Problem `json:"problems,omitempty"`
	Skipped  string     `json:"skipped,omitempty"`

	stored string // the name under which Chai keeps it
}

// OK tells that nothing is wrong.
func (r *CheckReport) OK() bool { return len(r.Problems()) == 0 }

// Problems lists what is wrong, a line each.
func (r *CheckReport) Problems() (lines []string) {
	r.each(func(where string, p *Problem) { lines = append(lines, where+": "+p.String()) })
	return lines
}

// repairable tells whether all that is wrong can be mended.
func (r *CheckReport) repairable() bool {
	all := true
	r.each(func(_ string, p *Problem) { all = all && slices.Contains(repairable, p.Kind) })
	return all
}

func (r *CheckReport) each(visit func(where string, p *Problem)) {
	for _, t := range r.Tables {
		for _, p := range t.Problems {
			visit("table "+t.Name, p)
		}
		for _, i := range t.Indexes {
			for _, p := range i.Problems {
				visit(fmt.Sprintf("table %s, index %s", t.Name, i.Name), p)
			}
		}
	}
}

var problemTexts = map[string]string{
	ProblemMissing:    "%d rows are missing in the index",
	ProblemStray:      "%d index entries have no row",
	ProblemUnsorted:   "%d keys are out of order",
	ProblemUnreadable: "%d stored rows or parts of files cannot be read",
	ProblemMismatch:   "%d rows are stored under another key than their own",
	ProblemDuplicate:  "%d values stand more than once in a unique index",
}

// MarshalJSON adds what String says, so that whoever reads the report need not word it again.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type fields Problem
	return json.Marshal(struct {
		*fields
		Text string `json:"text"`
	}{(*fields)(p), p.String()})
}

// String says it in one line, without data.
func (p *Problem) String() string {
	text := fmt.Sprintf(problemTexts[p.Kind], p.Count)
	if len(p.Rows) > 0 {
		text += fmt.Sprintf(" (the first, by hash of the key: %v)", p.Rows)
	}
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	return text
}

// note counts a problem and names its row.
func note(problems *[]*Problem, kind string, rowKey []byte, detail string) {
	i := slices.IndexFunc(*problems, func(p *Problem) bool { return p.Kind == kind })
	if i < 0 {
		i = len(*problems)
		*problems = append(*problems, &Problem{Kind: kind, Detail: detail})
	}
	p := (*problems)[i]
	p.Count++
	if rowKey != nil && len(p.Rows) < namedRows {
		p.Rows = append(p.Rows, rowName(rowKey))
	}
}

// rowName names a row without showing its key, which may be a token: by the
// first 8 digits of the hash, as logs name sessions.
func rowName(rowKey []byte) string {
	sum := sha256.Sum256(keyContent(rowKey))
	return hex.EncodeToString(sum[:4])
}

// keyContent is the text or the bytes of a primary key of one such column, and
// otherwise the key as it is stored.
func keyContent(rowKey []byte) []byte {
	n := valueWidth(rowKey)
	key := rowKey[n:]
	if len(key) > 0 && (key[0] == typeText || key[0] == typeBytea) && valueWidth(key) == len(key) {
		return payload(key)
	}
	return key
}
