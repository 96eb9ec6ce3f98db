package gate

import "slices"

// PostgreSQL has several functions of one name, and several operators of one sign. Which of them is meant follows from the
// types of the arguments, by rules that its manual calls type conversion. Open arguments, which are literals and parameters
// without a type, take the type of the one that is found.

// function is one function or operator for one list of types.
type function struct {
	name    string
	params  []Type
	of      Type
	setting bool // its value depends on settings: it is not computed before the statement runs
	apply   apply
}

// apply computes a function. No argument is nil. A function without one is PostgreSQL's alone.
type apply func(s *scope, args []any) (any, error)

// category is a class of types, by the letters that PostgreSQL has for them.
type category byte

const (
	openCategory   category = 'X'
	stringCategory category = 'S'
)

var categories = [...]category{openFamily: openCategory, boolFamily: 'B', intFamily: 'N', floatFamily: 'N', decimalFamily: 'N', textFamily: stringCategory,
	byteaFamily: 'U', timeFamily: 'D', intervalFamily: 'T', arrayFamily: 'A', foreignFamily: 'F'}

func (t Type) category() category { return categories[t.family()] }

// preferred says whether a type is the first choice in its category.
func (t Type) preferred() bool {
	return t == Bool || t == Float8 || t == Text || t == Timestamptz || t == Interval
}

// becomes says whether values of a type are taken as another one without being told to.
func (t Type) becomes(to Type) bool {
	f := t.family()
	switch {
	case t == to, f == openFamily:
		return true
	case f.numeric() && to.family().numeric():
		return slices.Index(numbers, t) <= slices.Index(numbers, to)
	case f == timeFamily && to.family() == timeFamily:
		return slices.Index(dates, t) <= slices.Index(dates, to)
	}
	return f == textFamily && to.family() == textFamily
}

// numbers are the types of numbers, and dates those of times, each of which becomes those after it.
var (
	numbers = []Type{Int2, Int4, Int8, Numeric, Float4, Float8}
	dates   = []Type{Date, Timestamp, Timestamptz}
)

// resolve finds the function that types of arguments mean. several says that there is more than one, and none is better.
func resolve(list []*function, types []Type) (found *function, several bool) {
	fitting := keep(list, func(f *function) bool { return f.takes(types) })
	if exact := keep(fitting, func(f *function) bool { return slices.Equal(f.params, types) }); len(exact) == 1 {
		return exact[0], false
	}
	for _, better := range []func([]*function, []Type) []*function{mostExact, mostPreferred, ofCategories} {
		if len(fitting) > 1 {
			fitting = better(fitting, types)
		}
	}
	if len(fitting) > 1 {
		fitting = ofOneType(fitting, types)
	}
	if len(fitting) == 1 {
		return fitting[0], false
	}
	return nil, len(fitting) > 1
}

func keep(list []*function, wanted func(*function) bool) []*function {
	var kept []*function
	for _, f := range list {
		if wanted(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// takes says whether arguments can become what the function is for.
func (f *function) takes(types []Type) bool {
	if len(types) != len(f.params) {
		return false
	}
	for i, t := range types {
		if !t.becomes(f.params[i]) {
			return false
		}
	}
	return true
}

// mostExact keeps those with the most parameters that are what the arguments are.
func mostExact(list []*function, types []Type) []*function {
	return highest(list, types, func(param, t Type) bool { return param == t })
}

// mostPreferred counts preferred types in the category of an argument as well.
func mostPreferred(list []*function, types []Type) []*function {
	return highest(list, types, func(param, t Type) bool { return param == t || param.preferred() && param.category() == t.category() })
}

func highest(list []*function, types []Type, counts func(param, t Type) bool) []*function {
	most, best := -1, list
	for _, f := range list {
		n := 0
		for i, t := range types {
			if t.family() != openFamily && counts(f.params[i], t) {
				n++
			}
		}
		switch {
		case n > most:
			most, best = n, []*function{f}
		case n == most:
			best = append(best, f)
		}
	}
	return best
}

// ofCategories settles a category for each open argument: that of strings if a function takes one there, else the one that
// all have in common. Of those that are left, preferred types come first.
func ofCategories(list []*function, types []Type) []*function {
	kept := list
	for i, t := range types {
		if t.family() != openFamily {
			continue
		}
		wanted, prefers, ok := categoryAt(list, i)
		if !ok {
			return list
		}
		kept = keep(kept, func(f *function) bool {
			return f.params[i].category() == wanted && (f.params[i].preferred() || !prefers)
		})
	}
	if len(kept) == 0 {
		return list
	}
	return kept
}

func categoryAt(list []*function, i int) (wanted category, prefers, ok bool) {
	ok = true
	for _, f := range list {
		switch c := f.params[i].category(); {
		case wanted == 0, c == stringCategory && c != wanted:
			wanted, prefers = c, f.params[i].preferred()
		case c == wanted:
			prefers = prefers || f.params[i].preferred()
		default:
			ok = false
		}
	}
	return wanted, prefers, ok || wanted == stringCategory
}

// ofOneType takes open arguments for what all others are, if that leaves one function.
func ofOneType(list []*function, types []Type) []*function {
	var known Type
	for _, t := range types {
		switch {
		case t.family() == openFamily:
		case known == Type{}:
			known = t
		case known != t:
			return list
		}
	}
	if known == (Type{}) {
		return list
	}
	alike := slices.Repeat([]Type{known}, len(types))
	if kept := keep(list, func(f *function) bool { return f.takes(alike) }); len(kept) == 1 {
		return kept
	}
	return list
}
