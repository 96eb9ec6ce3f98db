package gate_test

import (
	"testing"

	"chaisqld/gate"
)

// TestTimes are what PostgreSQL answers about times and intervals.
func TestTimes(t *testing.T) {
	d := openMemory(t)
	d.answers(map[string]string{
		`SELECT interval '1 day 02:03:04.5', INTERVAL '5' MINUTE, interval 'P1Y2M3DT4H', interval '1.239' second(2), interval '-1 day, 23:00:00', interval '1-2' year`:                                            `1 day 02:03:04.5|00:05:00|1 year 2 mons 3 days 04:00:00|00:00:01.24|-1 days +23:00:00|1 year`,
		`SELECT interval '1 day' + '1 hour', interval '1 mon 1 day 1 hour' / 7, interval '1 month' * 1.5, - interval '1 day', interval '1 month' = '30 days', (interval '1 day 5 hours')::interval day`:           `1 day 01:00:00|4 days 10:25:42.832457|1 mon 15 days|-1 days|t|1 day`,
		`SELECT timestamp '2025-01-31' + interval '1 month', timestamp '2024-03-31' - interval '1 month', timestamp '2025-01-31' - '2024-12-31 12:00', '1 day' + timestamp '0001-12-31 BC'`:                       `2025-02-28 00:00:00|2024-02-29 00:00:00|30 days 12:00:00|0001-01-01 00:00:00`,
		`SELECT now() - interval '30 days', localtimestamp + '1 day', now() - now()`:                                                                                                                              `2025-05-02 12:00:00.123456+00|2025-06-02 12:00:00.123456|00:00:00`,
		`SELECT date_trunc('week', now()), date_trunc('quarter', timestamp '2025-12-31'), date_trunc('century', timestamp '2000-06-01'), date_trunc('hour', interval '1 day 02:03')`:                              `2025-05-26 00:00:00+00|2025-10-01 00:00:00|1901-01-01 00:00:00|1 day 02:00:00`,
		`SELECT extract(epoch FROM now()), EXTRACT(DOW FROM now()), extract(second FROM now()), date_part('julian', now()), extract('year' from timestamp '0001-01-01 BC'), extract(day from interval '40 days')`: `1748779200.123456|0|0.123456|2460828.500001429|-1|40`,
		`SELECT to_timestamp(1735689600.5), to_timestamp(-1)`: `2025-01-01 00:00:00.5+00|1969-12-31 23:59:59+00`,
		`SELECT date '2025-01-31' + 1, date '2025-03-01' - date '2025-02-01', date '2025-01-31' + interval '1 mon', now()::date, CURRENT_DATE - 1, date(timestamp '2025-01-01 23:59')`:                                                                                 `2025-02-01|28|2025-02-28 00:00:00|2025-06-01|2025-05-31|2025-01-01`,
		`SELECT date '2025-01-31' = timestamp '2025-01-31', date '2025-01-31' < now(), GREATEST(date '2025-01-31', timestamp '2025-01-01'), extract(epoch FROM date '2025-01-01'), date_trunc('month', date '2025-01-31'), date '0044-03-15 BC', date '5874897-12-31'`: `t|t|2025-01-31 00:00:00|1735689600|2025-01-01 00:00:00+00|0044-03-15 BC|5874897-12-31`,
		`SELECT date '2025-01-31' + '1'`: `ERROR 42725`, `SELECT date '2025-02-30'`: `ERROR 22008`, `SELECT date '5874897-12-31' + 1`: `ERROR 22008`, `SELECT date '294277-01-01'::timestamp`: `ERROR 22008`, `SELECT extract(hour FROM CURRENT_DATE)`: `ERROR 0A000`, `SELECT 1::date`: `ERROR 42846`,
		`CREATE TABLE x (k TEXT PRIMARY KEY, d DATE)`: `ERROR 0A000`, `SELECT date 'infinity'`: `ERROR 22008`,
		`SELECT interval '1 day 1 day'`: `ERROR 22007`, `SELECT interval '2147483648 days'`: `ERROR 22015`, `SELECT interval '1 day' / 0`: `ERROR 22012`, `SELECT timestamp '9999-01-01' + interval '300000 years'`: `ERROR 22008`,
		`SELECT now() + now()`: `ERROR 42883`, `SELECT now() - '1 day'`: `ERROR 22007`, `SELECT interval '1 day' + 1`: `ERROR 42883`, `SELECT date_trunc('week', interval '1 day')`: `ERROR 0A000`, `SELECT extract(nosuch FROM now())`: `ERROR 22023`,
		`SELECT date_trunc('day', '2025-01-01')`: `ERROR 42725`, `CREATE TABLE x (k TEXT PRIMARY KEY, i INTERVAL)`: `ERROR 0A000`,
	})
}

// TestIntervalParameters: they are typed by what stands beside them.
func TestIntervalParameters(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('a', '', $1)`, after(0))
	for sql, want := range map[string][]gate.Type{
		`SELECT token FROM sessions WHERE expiry > now() - $1::interval`: {gate.Interval}, `SELECT token FROM sessions WHERE expiry + $1 > now()`: {gate.Interval},
		`SELECT interval '1 day' * $1`: {gate.Float8}, `SELECT interval '1 day' + $1`: {gate.Interval}, `SELECT now() - $1`: {gate.Timestamptz}, `SELECT extract(day FROM $1::interval)`: {gate.Interval},
	} {
		p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
		if err != nil || len(p.Params) != 1 || p.Params[0] != want[0] {
			t.Errorf("%s: parameters %v, %v; want %v", sql, p, err, want)
		}
	}
	d.rows([][]any{{"a"}}, `SELECT token FROM sessions WHERE expiry > now() - $1::interval`, gate.Span{Days: 1})
	d.rows(nil, `SELECT token FROM sessions WHERE expiry + $1 < now()`, gate.Span{Days: 1})
	if text := d.shown(`SELECT $1::interval, $1::text`, gate.Span{Months: 1}); text != "1 mon|1 mon" {
		t.Error(text)
	}
}
