package gate_test

import (
	"strings"
	"testing"

	"chaisqld/pgerr"
)

// TestConcatenationIsBounded: a short statement must not make a text that is longer than all memory.
func TestConcatenationIsBounded(t *testing.T) {
	d := openMemory(t)
	d.rows([][]any{{int64(16 << 20)}}, `SELECT length($1 || $1 || $1 || $1)`, strings.Repeat("x", 4<<20))
	doubled := "$1"
	for range 12 {
		doubled = "(" + doubled + " || " + doubled + ")"
	}
	d.fails(pgerr.ProgramLimitExceeded, `SELECT length(`+doubled+`)`, strings.Repeat("x", 1<<20))
}
