package differential

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestIntervalsAreReadAlike compares what texts are intervals, and which ones: made-up statements have too few of them. What
// is read is written again, and computed with.
func TestIntervalsAreReadAlike(t *testing.T) {
	ours, theirs := bothServers(t)
	random := rand.New(rand.NewPCG(*seed, 2))
	read, different := 0, 0
	for range max(*statements, 1) {
		s := &statement{sql: "SELECT " + intervalConstant(random), mode: extended, binaryOut: chance(random, 10)}
		if chance(random, 40) {
			s.sql = "SELECT " + intervalExpression(random)
		}
		a, b := ask(ours, s), ask(theirs, s)
		if b.code == "" {
			read++
		}
		if !agree(s, a, b) && !strings.Contains(a.message, "infinity is not supported") {
			t.Errorf("%s\n  chaisqld:   %s\n  PostgreSQL: %s", s.sql, a, b)
			if different++; different == *failures {
				break
			}
		}
	}
	if share := 100 * read / max(*statements, 1); share < 30 && different == 0 {
		t.Errorf("only %d %% of the texts were intervals, at least 30 %% should be", share)
	}
}

var intervalWords = strings.Fields(`year years mon mons month months week weeks day days hour hours min mins minute minutes sec secs second seconds
	ms us millisecond milliseconds microseconds decade century millennium y m d h s w yr c dec mil usec msec DAY Hours`)

var oddIntervalWords = strings.Fields(`ago quarter fortnight @ , - + jan mm at timezone millenniumx centuriesx P T infinity epoch é / . : 1d2h`)

// intervalConstant writes one in one of PostgreSQL's ways.
func intervalConstant(r *rand.Rand) string {
	text := "'" + intervalText(r) + "'"
	switch r.IntN(12) {
	case 0:
		return text + "::interval"
	case 1:
		return "CAST(" + text + " AS interval " + pick(r, intervalFieldNames) + ")"
	case 2:
		return text + "::text::interval"
	case 3, 4:
		return "INTERVAL " + text + " " + pick(r, intervalFieldNames)
	case 5:
		return fmt.Sprintf("interval(%d) %s", r.IntN(7), text)
	}
	return "interval " + text
}

var intervalFieldNames = []string{"year", "month", "day", "hour", "minute", "second", "year to month", "day to hour", "day to minute", "day to second", "hour to minute", "hour to second",
	"minute to second", "second(2)", "day to second(0)"}

func intervalText(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0, 1:
		return isoIntervalText(r)
	case 2:
		return pick(r, []string{"1 day, 1:00:00", "-1 day, 23:59:59.999999", "1-2 3 4:05:06.7", "1-2", "-1-2", "3 4:05", "1:02:03", "", " ", "1 day ago", "@ 1 year 2 mons ago",
			"2147483647 days", "-2147483648 days", "2147483648 days", "178956970 years 7 mons", "178956970 years 8 mons", "9223372036854775807 us", "-9223372036854775808 us", "9223372036854775808 us",
			"2562047788:00:54.775807", "2562047788:00:54.775808", "-2562047788:00:54.775807", "1 +02:03", "1 -02:03", "+1 -2", "1.", ".5", "1e5 s", "106751991167300 days", "9223372036854775807", "214748364.8 decades", "2147483647 months 0.5 years"})
	}
	var parts []string
	for range 1 + r.IntN(4) {
		parts = append(parts, intervalPart(r))
	}
	return strings.Join(parts, pick(r, []string{" ", " ", " ", "  ", "", ", "}))
}

func intervalPart(r *rand.Rand) string {
	switch r.IntN(14) {
	case 0:
		return intervalNumber(r) + ":" + strconv.Itoa(r.IntN(70))
	case 1:
		return fmt.Sprintf("%s%d:%02d:%02d%s", pick(r, []string{"", "", "-", "+"}), r.IntN(30), r.IntN(60), r.IntN(61), pick(r, []string{"", "", ".5", ".123456789", "."}))
	case 2:
		return fmt.Sprintf("%s%d-%d", pick(r, []string{"", "-", "+"}), r.IntN(5), r.IntN(13))
	case 3:
		return pick(r, oddIntervalWords)
	case 4:
		return intervalNumber(r)
	}
	return intervalNumber(r) + pick(r, []string{" ", " ", ""}) + pick(r, intervalWords)
}

func intervalNumber(r *rand.Rand) string {
	sign := pick(r, []string{"", "", "", "-", "+", "- "})
	switch r.IntN(10) {
	case 0:
		return sign + pick(r, []string{"2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "99999999999", "0"})
	case 1, 2, 3:
		return sign + strconv.FormatFloat(r.Float64()*float64(r.IntN(1000)), 'f', r.IntN(9), 64)
	}
	return sign + strconv.Itoa(r.IntN(50))
}

func isoIntervalText(r *rand.Rand) string {
	number := func() string {
		return pick(r, []string{"", "", "", "-"}) + pick(r, []string{strconv.Itoa(r.IntN(40)), "1.5", "0.25", ".5", "5.", "20250131", "010203", "0001", "1e3", "1e16", "2147483648", "1e-3", ""})
	}
	text := "P"
	for range r.IntN(4) {
		text += number() + pick(r, []string{"Y", "M", "W", "D", "Y", "D", "-", ""})
	}
	if chance(r, 60) {
		text += "T"
		for range r.IntN(4) {
			text += number() + pick(r, []string{"H", "M", "S", "H", "M", "S", ":", "x"})
		}
	}
	return text
}

// intervalExpression computes with intervals that are no errors.
func intervalExpression(r *rand.Rand) string {
	x, y := plainInterval(r), plainInterval(r)
	at := "timestamp '" + pick(r, []string{"2025-01-31 12:34:56.789", "2024-02-29", "0001-01-01", "294276-12-31 23:59:59.999999", "4713-01-01 BC", "2000-12-31", "1999-03-31 00:00:01", "9999-12-31 23:59:59.999999"}) + "'"
	if chance(r, 30) {
		at = strings.Replace(at, "timestamp", "timestamptz", 1)
	}
	factor := pick(r, []string{"2", "-1", "0.5", "1.5::float8", "'0.1'", "0", "1e300::float8", "'nan'::float8", "'inf'::float8", "3", "7", "1e-300::float8", strconv.FormatFloat(r.NormFloat64()*100, 'g', -1, 64), "1000000000"})
	switch r.IntN(12) {
	case 0:
		return x + " + " + y
	case 1:
		return x + " - " + y
	case 2, 3:
		return x + " * " + factor
	case 4:
		return factor + " * " + x
	case 5, 6:
		return x + " / " + factor
	case 7:
		return "- " + x
	case 8:
		return x + pick(r, []string{" = ", " < ", " >= ", " IS DISTINCT FROM "}) + y + ", greatest(" + x + ", " + y + "), " + x + " IN (" + y + ", '1 day')"
	case 9:
		return at + " - " + pick(r, []string{"timestamp '2001-02-03 04:05:06'", "timestamp '294276-12-31'", "timestamp '4713-01-01 BC'", "'2020-02-29'"})
	case 10:
		return x + " + " + at
	}
	return at + pick(r, []string{" + ", " - "}) + x
}

// plainInterval is one that can be read, anywhere in their range.
func plainInterval(r *rand.Rand) string {
	if chance(r, 10) {
		return "interval '" + pick(r, []string{"2147483647 days", "-2147483648 mons", "9223372036854775807 us", "-9223372036854775807 us", "-2147483648 days", "178956970 years 7 mons"}) + "'"
	}
	wide := func(n int) int { return r.IntN(2*n+1) - n }
	if chance(r, 20) {
		return fmt.Sprintf("interval '%d mons %d days %d us'", wide(1<<31-1), wide(1<<31-1), int64(r.Uint64()>>1))
	}
	return fmt.Sprintf("interval '%d mons %d days %d.%d s'", wide(30), wide(60), wide(200_000), r.IntN(1_000_000))
}
