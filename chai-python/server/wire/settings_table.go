package wire

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chaisqld/gate"
)

const cantChangeRuntimeParam = "55P02"

// setting is one run-time parameter.
type setting struct {
	name     string // as PostgreSQL spells it
	value    string
	reported bool
	kind
	about string
}

// kind is what a parameter can be set to. accept turns what a client writes
// into the value that SHOW gives; nil: clients cannot change it.
type kind struct {
	accept func(string) (value string, ok bool)
	want   string // what accept takes, in words
	// lenient: what accept does not take leaves the default in a start packet,
	// where libraries write what their machine is set to, without being asked.
	lenient bool
}

var (
	fixed    = kind{}
	anyText  = kind{accept: acceptName, want: "any text"}
	boolean  = kind{accept: acceptBool, want: "on, off"}
	utf8Only = kind{accept: acceptEncoding, want: "UTF8"}
	isoOnly  = kind{acceptDateStyle, "ISO, with MDY, DMY or YMD", true}
	utcOnly  = kind{acceptTimeZone, "UTC", true}
	timeout  = kind{accept: acceptTimeout, want: "milliseconds, or a number with us, ms, s, min, h or d"}
	digits   = kind{accept: acceptInteger(-15, 3), want: "-15 to 3"}
	onePath  = kind{accept: acceptSearchPath, want: `public, alone or with "$user" and pg_catalog`}
)

// knownSettings are those that clients ask for or set by themselves. Where a
// value would have to change what the server does and does not, it is refused.
var knownSettings = byLowerName(settingsWithoutEffect(), []setting{
	{"application_name", "", true, anyText, "Name of the client, for the server's log."},
	{"bytea_output", "hex", false, oneOf("hex"), "Text format of bytea."},
	{"client_encoding", "UTF8", true, utf8Only, "Encoding of the client: no conversion from or to UTF-8 happens."},
	{"client_min_messages", "notice", false, oneOf("notice", "debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "info", "warning", "error"), "Least severity of notices sent."},
	{"DateStyle", "ISO, MDY", true, isoOnly, "Format of dates: always ISO."},
	{"default_transaction_isolation", "read committed", false, oneOf("read committed", "read uncommitted", "repeatable read", "serializable"), "Isolation of new transactions."},
	{"default_transaction_read_only", "off", true, boolean, "Whether new transactions are read-only."},
	{"extra_float_digits", "1", false, digits, "Floats are always given in their shortest exact form."},
	{"idle_in_transaction_session_timeout", "0", false, timeout, "Longest wait for a client in a transaction; while it holds the writer, the server's own limit may be less."},
	{"in_hot_standby", "off", true, fixed, "Never: there is one server."},
	{"integer_datetimes", "on", true, fixed, "Timestamps are 64-bit integers."},
	{"IntervalStyle", "postgres", true, oneOf("postgres", "postgres_verbose", "sql_standard", "iso_8601"), "There are no intervals."},
	{"is_superuser", "off", true, fixed, "Never."},
	{"lock_timeout", "0", false, timeout, "Longest wait for the writer; the server's own limit may be less."},
	{"max_identifier_length", "63", false, fixed, "As PostgreSQL."},
	{"role", "none", false, oneOf("none"), "There are no roles."},
	{"search_path", `"$user", public`, false, onePath, "There is one schema."},
	{"server_encoding", "UTF8", true, fixed, "Encoding of the database."},
	{"server_version", "", true, fixed, "Version of PostgreSQL whose protocol and grammar are followed."},
	{"server_version_num", "150000", false, fixed, "The same as a number."},
	{"session_authorization", "", true, fixed, "User of this session."},
	{"standard_conforming_strings", "on", true, oneOf("on"), "Backslashes in strings are ordinary characters."},
	{"statement_timeout", "0", false, timeout, "Longest time for a round trip's statements."},
	{"synchronous_commit", "on", false, oneOf("on", "off", "local", "remote_write", "remote_apply"), "Commits always wait for the disk."},
	{"TimeZone", "UTC", true, utcOnly, "Time zone: always UTC."},
	{"transaction_isolation", "read committed", false, fixed, "Isolation of the current transaction."},
	{"transaction_read_only", "off", false, fixed, "Whether the current transaction is read-only."},
})

// reportedSettings are told to the client at the start and when they change.
var reportedSettings = slices.DeleteFunc(slices.Sorted(maps.Keys(knownSettings)), func(name string) bool {
	return !knownSettings[name].reported
})

func byLowerName(lists ...[]setting) map[string]setting {
	m := map[string]setting{}
	for _, s := range slices.Concat(lists...) {
		m[strings.ToLower(s.name)] = s
	}
	return m
}

// oneOf accepts the given words, in any case.
func oneOf(words ...string) kind {
	accept := func(value string) (string, bool) {
		i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, value) })
		if i < 0 {
			return "", false
		}
		return words[i], true
	}
	return kind{accept: accept, want: strings.Join(words, ", ")}
}

// acceptName keeps what is printable ASCII, as PostgreSQL does with names that
// end up in logs.
func acceptName(value string) (string, bool) {
	const limit = 63
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == utf8.RuneError {
			return '?'
		}
		return r
	}, value)
	return clean[:min(len(clean), limit)], true
}

func acceptBool(value string) (string, bool) {
	on, err := gate.ParseText(value, gate.Bool)
	if err != nil {
		return "", false
	}
	return onOff(on == true), true
}

// acceptEncoding looks at letters and digits alone, as PostgreSQL does: a client
// is known to send quotes in its start packet.
func acceptEncoding(value string) (string, bool) {
	switch strings.ToLower(strings.Map(letterOrDigit, value)) {
	case "utf8", "unicode":
		return "UTF8", true
	case "sqlascii": // what libraries ask for in the C locale: no conversion, which is what happens
		return "SQL_ASCII", true
	}
	return "", false
}

func letterOrDigit(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return -1
}

// acceptDateStyle takes ISO with any order of day and month, which matters only
// to input formats that are not understood anyway.
func acceptDateStyle(value string) (string, bool) {
	style, order, both := strings.Cut(strings.ToUpper(strings.ReplaceAll(value, " ", "")), ",")
	if style == "ISO" && !both {
		return "ISO, MDY", true
	}
	if style == "ISO" && slices.Contains([]string{"MDY", "DMY", "YMD"}, order) {
		return "ISO, " + order, true
	}
	return "", false
}

func acceptTimeZone(value string) (string, bool) {
	switch strings.ToLower(value) {
	case "utc", "etc/utc", "gmt", "etc/gmt", "zulu", "z", "0", "+00", "+00:00", "-00":
		return "UTC", true
	}
	return "", false
}

func acceptInteger(least, most int) func(string) (string, bool) {
	return func(value string) (string, bool) {
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < least || n > most {
			return "", false
		}
		return strconv.Itoa(n), true
	}
}

// acceptSearchPath takes lists of the one schema that tables are in and of names
// that can add nothing to it.
func acceptSearchPath(value string) (string, bool) {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		switch name = strings.Trim(strings.TrimSpace(name), `"`); name {
		case "public", "pg_catalog":
			names = append(names, name)
		case "$user":
			names = append(names, `"$user"`)
		default:
			return "", false
		}
	}
	return strings.Join(names, ", "), slices.Contains(names, "public")
}

// acceptTimeout takes milliseconds, or a number with one of PostgreSQL's units.
func acceptTimeout(value string) (string, bool) {
	d, ok := timeoutValue(value)
	return writtenTimeout(d), ok
}

// writtenTimeout gives a duration as PostgreSQL does: in the largest unit in
// which it is whole.
func writtenTimeout(d time.Duration) string {
	for _, u := range []struct {
		suffix string
		unit   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if d > 0 && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.suffix
		}
	}
	if d < time.Millisecond {
		return "0"
	}
	return strconv.FormatInt(int64(d/time.Millisecond), 10) + "ms"
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
