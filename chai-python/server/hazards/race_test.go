//go:build race

package hazards

import (
	"strings"
	"sync"
	"testing"
	"time"
)

func init() { programs["open many"] = openManyProgram }

func openManyProgram(t testing.TB, _ string) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { reopen(t, ":memory:") })
	}
	wg.Wait()
}

func TestOpeningTwoDatabasesIsARace(t *testing.T) {
	end := launch(t, "open many", "", time.Minute)
	fault(t, strings.Contains(end.output, "DATA RACE"), "shares a variable between databases that are opened", "no guard: one process opens one")
}
