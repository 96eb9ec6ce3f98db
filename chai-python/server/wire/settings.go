package wire

import (
	"maps"
	"slices"
	"strings"
	"time"

	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

// settings are one session's run-time parameters (SET, SHOW, RESET). Names are
// kept in lower case. They are few and change rarely: a transaction that
// changes one keeps a copy of the map to go back to.
type settings struct {
	values   map[string]string
	defaults map[string]string // what RESET goes back to: ours, then the start packet's
	told     map[string]string // what the client knows from ParameterStatus
	custom   map[string]bool   // the names with a dot that were ever set
	changed  bool              // since the client was told
	user     string
	limit    time.Duration // of the server, for statement_timeout
	ready    ready
}

// ready has the settings that statements look at; a time of 0 is not set.
type ready struct {
	statementTimeout, lockTimeout, idleInTransaction time.Duration
	readOnly                                         bool
}

func newSettings(version string, statementLimit time.Duration) settings {
	values := map[string]string{"server_version": "15.0 (chaisqld " + version + ")"}
	return settings{values: values, defaults: values, told: map[string]string{}, changed: true, limit: statementLimit}
}

// get is a setting's present value. The maps hold those that are not what the
// table says.
func (s *settings) get(name string) string { return valueIn(s.values, name) }

func valueIn(values map[string]string, name string) string {
	if value, ok := values[name]; ok {
		return value
	}
	return knownSettings[name].value
}

// keepAsDefaults makes the present values those that RESET restores.
func (s *settings) keepAsDefaults() {
	s.values["session_authorization"] = s.user
	s.defaults = maps.Clone(s.values)
	s.changed = true
}

// set gives a parameter the value that the words after SET mean.
func (s *settings) set(name string, words []string) error {
	return s.setFrom(name, strings.Join(words, ", "), false)
}

// start takes a parameter of the start packet.
func (s *settings) start(name, written string) error { return s.setFrom(name, written, true) }

func (s *settings) setFrom(name, written string, starting bool) error {
	name = strings.ToLower(name)
	known, ok := knownSettings[name]
	switch {
	case !ok && isCustom(name):
		return s.setCustom(name, written)
	case !ok:
		return unknownSetting(name)
	case known.accept == nil:
		return pgerr.New(cantChangeRuntimeParam, "parameter %q cannot be changed", known.name)
	}
	value, ok := known.accept(written)
	switch {
	case ok:
		s.assign(name, value)
	case !starting || !known.lenient:
		return pgerr.New(pgerr.InvalidParameterValue, "invalid value for parameter %q: %q", known.name, written).
			WithHint("Supported: " + known.want + ".")
	}
	return nil
}

func (s *settings) assign(name, value string) {
	if s.get(name) == value {
		return
	}
	s.values = maps.Clone(s.values) // the old map may be somebody's copy
	s.values[name] = value
	s.changed = true
	s.makeReady()
}

func (s *settings) makeReady() {
	s.ready = ready{
		statementTimeout:  parsedTimeout(s.get("statement_timeout")),
		lockTimeout:       parsedTimeout(s.get("lock_timeout")),
		idleInTransaction: parsedTimeout(s.get("idle_in_transaction_session_timeout")),
		readOnly:          s.get("default_transaction_read_only") == "on",
	}
}

// reset restores one parameter, or all when name is "".
func (s *settings) reset(name string) error {
	name = strings.ToLower(name)
	if name == "" {
		s.restore(s.defaults)
		return nil
	}
	if _, ok := knownSettings[name]; !ok && !isCustom(name) {
		return unknownSetting(name)
	}
	s.assign(name, valueIn(s.defaults, name))
	return nil
}

// restore goes back to values that were kept.
func (s *settings) restore(values map[string]string) {
	s.values, s.changed = values, true
	s.makeReady()
}

// show answers SHOW; name "" is ALL.
func (s *settings) show(name string) ([][]any, error) {
	name = strings.ToLower(name)
	if name != "" {
		if _, ok := knownSettings[name]; !ok && !s.custom[name] {
			return nil, unknownSetting(name)
		}
		return [][]any{{s.shown(name)}}, nil
	}
	var rows [][]any
	for _, name := range slices.Sorted(maps.Keys(knownSettings)) {
		known := knownSettings[name]
		rows = append(rows, []any{known.name, s.shown(name), known.about})
	}
	return rows, nil
}

// shown is what SHOW tells: of a time, the one that applies.
func (s *settings) shown(name string) string {
	if name == "statement_timeout" {
		return writtenTimeout(s.statementTimeout())
	}
	return s.get(name)
}

// statementTimeout is how long the statements of a round trip may take: what the
// client has set, within what the server allows.
func (s *settings) statementTimeout() time.Duration {
	if own := s.ready.statementTimeout; own > 0 && own < s.limit {
		return own
	}
	return s.limit
}

func (c *conn) timeout() time.Duration { return c.settings.statementTimeout() }

// idleLimit is how long the server waits for this client's next message; 0: as
// long as it takes.
func (c *conn) idleLimit() time.Duration {
	var limit time.Duration
	if c.tx.explicit {
		limit = c.settings.ready.idleInTransaction
	}
	if most := c.server.options.IdleInTransaction; c.tx.lease != nil && (limit == 0 || limit > most) {
		limit = most
	}
	return limit
}

func (s *settings) readOnlyByDefault() bool { return s.ready.readOnly }

// silences reports whether client_min_messages keeps notices of that severity
// from the client.
func (s *settings) silences(severity string) bool {
	switch s.get("client_min_messages") {
	case "error":
		return true
	case "warning":
		return severity == "NOTICE"
	}
	return false
}

// reportSettings sends a ParameterStatus for each reported parameter of which
// the client does not know the present value.
func (c *conn) reportSettings() {
	s := &c.settings
	if !s.changed {
		return
	}
	s.changed = false
	for _, name := range reportedSettings {
		if value := s.get(name); s.told[name] != value {
			s.told[name] = value
			c.send(&pgproto3.ParameterStatus{Name: knownSettings[name].name, Value: value})
		}
	}
}

func unknownSetting(name string) error {
	return pgerr.New(pgerr.UndefinedObject, "unrecognized configuration parameter %q", name)
}
