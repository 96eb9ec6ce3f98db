package wire

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"chaisqld/pgerr"
)

const cantChangeRuntimeParam = "55P02"

// setting is one run-time parameter. accept turns what a client writes into
// the value that SHOW gives; nil: clients cannot change it.
type setting struct {
	name     string // as PostgreSQL spells it
	value    string
	reported bool
	accept   func(string) (string, error)
	about    string
}

// knownSettings are those that clients ask for or set by themselves. Where a
// value would have to change what the server does and does not, it is refused.
var knownSettings = byLowerName([]setting{
	{"application_name", "", true, acceptName, "Name of the client, for the server's log."},
	{"bytea_output", "hex", false, oneOf("hex"), "Text format of bytea."},
	{"client_encoding", "UTF8", true, acceptEncoding, "Encoding of the client: no conversion from or to UTF-8 happens."},
	{"client_min_messages", "notice", false, oneOf("notice", "debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "info", "warning", "error"), "Least severity of notices sent."},
	{"DateStyle", "ISO, MDY", true, acceptDateStyle, "Format of dates: always ISO."},
	{"default_transaction_isolation", "read committed", false, oneOf("read committed", "read uncommitted", "repeatable read", "serializable"), "Isolation of new transactions."},
	{"default_transaction_read_only", "off", true, acceptBool, "Whether new transactions are read-only."},
	{"extra_float_digits", "1", false, acceptInteger(-15, 3), "Floats are always given in their shortest exact form."},
	{"idle_in_transaction_session_timeout", "0", false, acceptNoTimeout, "Only the server's own limit is in effect."},
	{"in_hot_standby", "off", true, nil, "Never: there is one server."},
	{"integer_datetimes", "on", true, nil, "Timestamps are 64-bit integers."},
	{"IntervalStyle", "postgres", true, oneOf("postgres", "postgres_verbose", "sql_standard", "iso_8601"), "There are no intervals."},
	{"is_superuser", "off", true, nil, "Never."},
	{"lock_timeout", "0", false, acceptNoTimeout, "Only the server's own limit is in effect."},
	{"max_identifier_length", "63", false, nil, "As PostgreSQL."},
	{"search_path", `"$user", public`, false, oneOf(`"$user", public`, `$user, public`, "public"), "There is one schema."},
	{"server_encoding", "UTF8", true, nil, "Encoding of the database."},
	{"server_version", "", true, nil, "Version of PostgreSQL whose protocol and grammar are followed."},
	{"server_version_num", "150000", false, nil, "The same as a number."},
	{"session_authorization", "", true, nil, "User of this session."},
	{"standard_conforming_strings", "on", true, oneOf("on"), "Backslashes in strings are ordinary characters."},
	{"statement_timeout", "0", false, acceptTimeout, "Longest time for a round trip's statements."},
	{"synchronous_commit", "on", false, oneOf("on", "off", "local", "remote_write", "remote_apply"), "Commits always wait for the disk."},
	{"TimeZone", "UTC", true, acceptTimeZone, "Time zone: always UTC."},
	{"transaction_isolation", "read committed", false, nil, "Isolation of the current transaction."},
	{"transaction_read_only", "off", false, nil, "Whether the current transaction is read-only."},
})

// reportedSettings are told to the client at the start and when they change.
var reportedSettings = slices.DeleteFunc(slices.Sorted(maps.Keys(knownSettings)), func(name string) bool {
	return !knownSettings[name].reported
})

func byLowerName(list []setting) map[string]setting {
	m := make(map[string]setting, len(list))
	for _, s := range list {
		m[strings.ToLower(s.name)] = s
	}
	return m
}

func refused(value, want string) error {
	return pgerr.New(pgerr.InvalidParameterValue, "invalid value for parameter: %q", value).WithHint("Supported: " + want + ".")
}

// oneOf accepts the given words, in any case.
func oneOf(words ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		for _, w := range words {
			if strings.EqualFold(w, value) {
				return w, nil
			}
		}
		return "", refused(value, strings.Join(words, ", "))
	}
}

// acceptName keeps what is printable ASCII, as PostgreSQL does with names that
// end up in logs.
func acceptName(value string) (string, error) {
	const limit = 63
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == utf8.RuneError {
			return '?'
		}
		return r
	}, value)
	return clean[:min(len(clean), limit)], nil
}

func acceptBool(value string) (string, error) {
	on, ok := parseBool(value)
	switch {
	case !ok:
		return "", refused(value, "on, off")
	case on:
		return "on", nil
	}
	return "off", nil
}

func acceptEncoding(value string) (string, error) {
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(value)) {
	case "utf8", "unicode":
		return "UTF8", nil
	case "sqlascii": // what libraries ask for in the C locale: no conversion, which is what happens
		return "SQL_ASCII", nil
	}
	return "", refused(value, "UTF8")
}

// acceptDateStyle takes ISO with any order of day and month, which matters only
// to input formats that are not understood anyway.
func acceptDateStyle(value string) (string, error) {
	style, order, both := strings.Cut(strings.ToUpper(strings.ReplaceAll(value, " ", "")), ",")
	if style == "ISO" && !both {
		return "ISO, MDY", nil
	}
	if style == "ISO" && slices.Contains([]string{"MDY", "DMY", "YMD"}, order) {
		return "ISO, " + order, nil
	}
	return "", refused(value, "ISO, with MDY, DMY or YMD")
}

func acceptTimeZone(value string) (string, error) {
	switch strings.ToLower(value) {
	case "utc", "etc/utc", "gmt", "etc/gmt", "zulu", "z", "0", "+00", "+00:00", "-00":
		return "UTC", nil
	}
	return "", refused(value, "UTC")
}

func acceptInteger(least, most int) func(string) (string, error) {
	return func(value string) (string, error) {
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < least || n > most {
			return "", refused(value, strconv.Itoa(least)+" to "+strconv.Itoa(most))
		}
		return strconv.Itoa(n), nil
	}
}

// acceptTimeout takes milliseconds, or a number with one of PostgreSQL's units.
func acceptTimeout(value string) (string, error) {
	d, ok := timeoutValue(value)
	if !ok {
		return "", refused(value, "milliseconds, or a number with us, ms, s, min, h or d")
	}
	if d%time.Second == 0 && d > 0 {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s", nil
	}
	if d == 0 {
		return "0", nil
	}
	return strconv.FormatInt(int64(d/time.Millisecond), 10) + "ms", nil
}

func acceptNoTimeout(value string) (string, error) {
	if d, ok := timeoutValue(value); !ok || d != 0 {
		return "", refused(value, "0")
	}
	return "0", nil
}

var timeoutUnits = []struct {
	suffix string
	unit   time.Duration
}{{"min", time.Minute}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"s", time.Second}, {"h", time.Hour}, {"d", 24 * time.Hour}, {"", time.Millisecond}}

// timeoutValue reads a duration of whole milliseconds up to PostgreSQL's limit.
func timeoutValue(value string) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	for _, u := range timeoutUnits {
		number, found := strings.CutSuffix(value, u.suffix)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
		if err != nil || n < 0 || n > int64(time.Duration(1<<31)*time.Millisecond/u.unit) {
			return 0, false
		}
		return (time.Duration(n) * u.unit).Round(time.Millisecond), true
	}
	return 0, false
}

// parsedTimeout reads a value that acceptTimeout has made.
func parsedTimeout(value string) time.Duration {
	d, _ := timeoutValue(value)
	return d
}
