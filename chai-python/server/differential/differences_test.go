package differential

import (
	"encoding/binary"
	"math"
	"regexp"
	"slices"
	"strings"
)

// agree says whether two answers are the same; order where the statement settles it.
func agree(s *statement, ours, theirs outcome) bool {
	if ours.code != theirs.code || ours.where != theirs.where {
		return false
	}
	if ours.code != "" {
		return true
	}
	return ours.tag == theirs.tag && slices.Equal(ours.columns, theirs.columns) && slices.Equal(ours.params, theirs.params) && sameRows(s, ours, theirs)
}

func sameRows(s *statement, ours, theirs outcome) bool {
	if s.arbitrary || len(ours.rows) != len(theirs.rows) {
		return len(ours.rows) == len(theirs.rows)
	}
	a, b := rowTexts(ours), rowTexts(theirs)
	if !s.ordered {
		slices.Sort(a)
		slices.Sort(b)
	}
	return slices.Equal(a, b)
}

// rowTexts writes -0 as 0, which this server stores as one, and every NaN alike.
func rowTexts(o outcome) []string {
	list := make([]string, len(o.rows))
	for i, row := range o.rows {
		row = slices.Clone(row)
		for j, v := range row {
			switch oid := o.columns[j].oid; {
			case string(v) == "-0": // a float, or text made of one
				row[j] = []byte("0")
			case oid != kindOIDs[float8] && oid != 700:
			case string(v) == "\x80\x00\x00\x00\x00\x00\x00\x00":
				row[j] = make([]byte, 8)
			case len(v) == 8 && math.IsNaN(math.Float64frombits(binary.BigEndian.Uint64(v))):
				row[j] = []byte("NaN")
			case len(v) == 4 && math.IsNaN(float64(math.Float32frombits(binary.BigEndian.Uint32(v)))):
				row[j] = []byte("NaN")
			}
		}
		list[i] = rowText(row)
	}
	return list
}

// difference is one way in which the two servers may answer differently.
type difference struct {
	name    string // as in docs/sql.md
	applies func(s *statement, ours, theirs outcome) bool
}

// differences is the whole list. The first that applies is counted.
var differences = []difference{
	{"refused", func(s *statement, ours, theirs outcome) bool { return ours.code == "0A000" }},
	{"timestamps beyond 2001 to 9999", func(s *statement, ours, theirs outcome) bool {
		return ours.code == "22008" && strings.Contains(ours.message, "must be from 2001 to 9999")
	}},
	{"other notations of timestamps", func(s *statement, ours, theirs outcome) bool {
		return (s.otherDate || s.mutated) && (ours.code == "22007" || ours.code == "22008") || strings.Contains(ours.message, "infinity is not supported")
	}},
	{"numbers in indexes", func(s *statement, ours, theirs outcome) bool {
		return ours.code == "22003" && strings.Contains(ours.message, "cannot be stored in an indexed column")
	}},
	{"VARCHAR", func(s *statement, ours, theirs outcome) bool {
		return s.mutated && ours.code == "" && ours.tag == theirs.tag && !slices.Equal(ours.columns, theirs.columns) && sameRows(s, ours, theirs)
	}},
	{"limits", func(s *statement, ours, theirs outcome) bool { return ours.code == "54000" }},
	{"which of several errors", func(s *statement, ours, theirs outcome) bool {
		return ours.code != "" && theirs.code != "" && (s.mutated || s.anyRow && later(ours) && later(theirs) || lacksField(theirs) && late(ours))
	}},
	{"same class", func(s *statement, ours, theirs outcome) bool {
		return ours.code != "" && theirs.code != "" && ours.code[:2] == theirs.code[:2]
	}},
	{"evaluation order", func(s *statement, ours, theirs outcome) bool {
		return s.fallible && (ours.code == "" || late(ours)) && (theirs.code == "" || late(theirs))
	}},
	{"order within groups", func(s *statement, ours, theirs outcome) bool {
		texts, sums := s.strings || s.lost("string_agg"), s.sums || s.lost("sum") || s.lost("avg")
		return (texts || sums && s.floats) && (ours.code == "" || class(ours, "22")) && (theirs.code == "" || class(theirs, "22"))
	}},
	{"negative zero", func(s *statement, ours, theirs outcome) bool {
		return slices.ContainsFunc(theirs.rows, hasNegativeZero)
	}},
	{"order of changed keys", func(s *statement, ours, theirs outcome) bool {
		return s.setsKey && (ours.code == "23505" || theirs.code == "23505")
	}},
}

// lost says whether a mutation may have taken the DISTINCT or the ORDER BY out of an aggregate.
func (s *statement) lost(aggregate string) bool {
	return s.mutated && strings.Contains(strings.ToLower(s.sql), aggregate)
}

// negativeZero finds one by itself or in a text that was made of it.
var negativeZero = regexp.MustCompile(`(^|[^0-9.e])-0($|[^0-9.])`)

func hasNegativeZero(row [][]byte) bool {
	return slices.ContainsFunc(row, func(v []byte) bool {
		return negativeZero.Match(v) || string(v) == "\x80\x00\x00\x00\x00\x00\x00\x00"
	})
}

// later says whether an error comes from a row, not from the statement.
func later(o outcome) bool { return class(o, "22") || class(o, "23") || class(o, "21") }

// late says whether an error comes from computing a value.
func late(o outcome) bool { return class(o, "22") || class(o, "21") }

// lacksField says whether a type was found to lack a field, for which the code is not that of a computation.
func lacksField(o outcome) bool {
	return o.code == "0A000" && strings.Contains(o.message, "not supported for type")
}

func class(o outcome, class string) bool { return strings.HasPrefix(o.code, class) }

func explain(s *statement, ours, theirs outcome) string {
	for _, d := range differences {
		if d.applies(s, ours, theirs) {
			return d.name
		}
	}
	return ""
}
