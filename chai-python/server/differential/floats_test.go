package differential

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFloatsAreWrittenAlike compares how floats become text where made-up statements seldom come: all over the range, and
// where a short number lies halfway between two floats.
func TestFloatsAreWrittenAlike(t *testing.T) {
	ours, theirs := bothServers(t)
	random := rand.New(rand.NewPCG(*seed, 1))
	for range 100 {
		var items []string
		for range 50 {
			items = append(items, anyFloat8(random), anyFloat4(random))
		}
		s := &statement{sql: "SELECT " + strings.Join(items, ", ")}
		a, b := ask(ours, s), ask(theirs, s)
		if a.code != "" || b.code != "" {
			t.Fatalf("%s\n  chaisqld:   %s\n  PostgreSQL: %s", s.sql, a, b)
		}
		for i, item := range items {
			if !slices.Equal(a.rows[0][i], b.rows[0][i]) {
				t.Errorf("%s: chaisqld %s, PostgreSQL %s", item, a.rows[0][i], b.rows[0][i])
			}
		}
	}
}

func anyFloat8(random *rand.Rand) string {
	v := math.Float64frombits(random.Uint64())
	if random.IntN(3) > 0 {
		// Few digits and a power of ten: the float nearest to it, and perhaps one halfway to which it lies.
		v = float64(random.Uint64N(100_000_000_000_000_000)) * math.Pow10(random.IntN(24))
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = math.Ldexp(1, random.IntN(1000))
	}
	return fmt.Sprintf("'%s'::float8", strconv.FormatFloat(v, 'e', 16, 64))
}

func anyFloat4(random *rand.Rand) string {
	v := math.Float32frombits(random.Uint32())
	if random.IntN(3) > 0 {
		v = float32(random.Uint64N(1_000_000_000)) * float32(math.Pow10(random.IntN(11)))
	}
	if v != v || math.IsInf(float64(v), 0) {
		v = float32(math.Ldexp(1, random.IntN(120)))
	}
	return fmt.Sprintf("'%s'::float4", strconv.FormatFloat(float64(v), 'e', 8, 32))
}
