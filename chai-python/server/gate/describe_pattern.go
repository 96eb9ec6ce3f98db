package gate

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"chaisqld/pgerr"
)

// namePattern is a regular expression that names are compared with: what psql makes of the pattern of \d. It is matched in
// time that grows with the product of its size and the name's, and its size is limited.
type namePattern struct {
	*regexp.Regexp
	size int // steps for each byte of a name, at most
}

const (
	maxPattern     = 512 // bytes
	maxPatternSize = 512 // characters and operators, with what is repeated counted as often
	invalidPattern = "2201B"
)

func newNamePattern(text string) (*namePattern, error) {
	if len(text) > maxPattern {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "the pattern for names has %d bytes, the limit is %d", len(text), maxPattern)
	}
	parsed, err := syntax.Parse(text, syntax.Perl|syntax.DotNL)
	if err != nil {
		return nil, pgerr.New(invalidPattern, "invalid regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	size := patternSize(parsed)
	if size > maxPatternSize {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "the pattern for names has too many repetitions")
	}
	compiled, err := regexp.Compile("(?s)" + text)
	if err != nil {
		return nil, pgerr.New(invalidPattern, "invalid regular expression: %s", err)
	}
	return &namePattern{compiled, size}, nil
}

// patternSize is what a pattern grows to when its repetitions are written out, or something beyond the limit.
func patternSize(r *syntax.Regexp) int {
	size := 1
	switch r.Op {
	case syntax.OpLiteral:
		size += len(r.Rune)
	case syntax.OpCharClass:
		size += len(r.Rune) / 8
	}
	for _, sub := range r.Sub {
		if size += patternSize(sub); size > maxPatternSize {
			return size
		}
	}
	if r.Op == syntax.OpRepeat {
		size *= max(r.Min, r.Max, 1)
	}
	return size
}

// units is the work of matching a name.
func (p *namePattern) units(name string) int { return nodeUnits * (1 + p.size*len(name)/8) }
