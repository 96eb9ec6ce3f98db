package gate_test

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSearchingForLongTexts compares what is found with what package strings finds.
func TestSearchingForLongTexts(t *testing.T) {
	d := openMemory(t)
	random := rand.New(rand.NewPCG(1, 2))
	letters := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "aab"[random.IntN(3)]
		}
		return string(b)
	}
	for range 100 {
		wanted := letters(30 + random.IntN(40))
		parts := make([]string, 1+random.IntN(5))
		for i := range parts {
			parts[i] = letters(random.IntN(50)) + wanted[:random.IntN(len(wanted))]
		}
		text := strings.Join(parts, wanted)
		n := 1 + random.IntN(6)
		part := ""
		if list := strings.Split(text, wanted); n <= len(list) {
			part = list[n-1]
		}
		d.rows([][]any{{int64(strings.Index(text, wanted) + 1), int64(strings.Index(text, wanted) + 1), strings.ReplaceAll(text, wanted, "<>"), part, int64(0)}},
			`SELECT strpos($1, $2), position($2::bytea IN $1::bytea), replace($1, $2, '<>'), split_part($1, $2, $3), strpos($1, $2 || 'c')`, text, wanted, int64(n))
	}
}

// TestTrimmingOfManyCharacters of every length in UTF-8.
func TestTrimmingOfManyCharacters(t *testing.T) {
	d := openMemory(t)
	const unwanted = "abcdefghijklmnop é ÿ 一 丁 \U0010FFFF \U00010000"
	for _, r := range "kéÿ一丁 \U0010FFFF\U00010000" {
		d.rows([][]any{{"q" + string(r) + "q"}}, `SELECT btrim($1, $2)`, string(r)+"q"+string(r)+"q"+string(r)+string(r), unwanted)
	}
	d.rows([][]any{{"丂\U0010FFFEz", "z"}}, `SELECT btrim($1, $2), ltrim('az', 'a')`, "丂\U0010FFFEz", unwanted)
}

// TestSearchingTakesTimeInProportion, even where every place has the hash of what is looked for, as package strings computes it.
func TestSearchingTakesTimeInProportion(t *testing.T) {
	d := openMemory(t)
	const half = 4 << 20
	wanted := strings.Repeat("a", half) + "gmecabry" // whose hash is that of as many letters a
	mustEnd(t, func() {
		r, err := d.run(`SELECT strpos($1, $2), length(replace($1, $2, '')), split_part($1, $2, 2), position($2::bytea IN $1::bytea)`, strings.Repeat("a", 2*half), wanted)
		if err != nil || r.Rows[0][0] != int64(0) || r.Rows[0][1] != int64(2*half) || r.Rows[0][2] != "" || r.Rows[0][3] != int64(0) {
			t.Error(describe(err))
		}
	})
}
