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
	changed  bool              // since the client was told
	user     string
	timeout  time.Duration // statement_timeout, ready for use
}

func newSettings(version string) settings {
	values := make(map[string]string, len(knownSettings))
	for name, s := range knownSettings {
		values[name] = s.value
	}
	values["server_version"] = "15.0 (chaisqld " + version + ")"
	return settings{values: values, defaults: values, told: map[string]string{}, changed: true}
}

// keepAsDefaults makes the present values those that RESET restores.
func (s *settings) keepAsDefaults() {
	s.values["session_authorization"] = s.user
	s.defaults = maps.Clone(s.values)
	s.changed = true
}

// set gives a parameter the value that the words after SET mean.
func (s *settings) set(name string, words []string) error {
	name = strings.ToLower(name)
	known, ok := knownSettings[name]
	if !ok {
		return unknownSetting(name)
	}
	if known.accept == nil {
		return pgerr.New(cantChangeRuntimeParam, "parameter %q cannot be changed", known.name)
	}
	written := strings.Join(words, ", ")
	value, ok := known.accept(written)
	if !ok {
		return pgerr.New(pgerr.InvalidParameterValue, "invalid value for parameter %q: %q", known.name, written).
			WithHint("Supported: " + known.want + ".")
	}
	s.assign(name, value)
	return nil
}

func (s *settings) assign(name, value string) {
	if s.values[name] == value {
		return
	}
	s.values = maps.Clone(s.values) // the old map may be somebody's copy
	s.values[name] = value
	s.changed = true
	s.timeout = parsedTimeout(s.values["statement_timeout"])
}

// reset restores one parameter, or all when name is "".
func (s *settings) reset(name string) error {
	name = strings.ToLower(name)
	if name == "" {
		s.restore(s.defaults)
		return nil
	}
	if _, ok := knownSettings[name]; !ok {
		return unknownSetting(name)
	}
	s.assign(name, s.defaults[name])
	return nil
}

// restore goes back to values that were kept.
func (s *settings) restore(values map[string]string) {
	s.values, s.changed = values, true
	s.timeout = parsedTimeout(values["statement_timeout"])
}

// show answers SHOW; name "" is ALL.
func (s *settings) show(name string) ([][]any, error) {
	name = strings.ToLower(name)
	if name != "" {
		if _, ok := knownSettings[name]; !ok {
			return nil, unknownSetting(name)
		}
		return [][]any{{s.values[name]}}, nil
	}
	var rows [][]any
	for _, name := range slices.Sorted(maps.Keys(knownSettings)) {
		known := knownSettings[name]
		rows = append(rows, []any{known.name, s.values[name], known.about})
	}
	return rows, nil
}

// timeout is how long the statements of a round trip may take: what the client
// has set, within what the server allows.
func (c *conn) timeout() time.Duration {
	most := c.server.options.StatementTime
	if own := c.settings.timeout; own > 0 && own < most {
		return own
	}
	return most
}

func (s *settings) readOnlyByDefault() bool { return s.values["default_transaction_read_only"] == "on" }

// silences reports whether client_min_messages keeps notices of that severity
// from the client.
func (s *settings) silences(severity string) bool {
	switch s.values["client_min_messages"] {
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
		if value := s.values[name]; s.told[name] != value {
			s.told[name] = value
			c.send(&pgproto3.ParameterStatus{Name: knownSettings[name].name, Value: value})
		}
	}
}

func unknownSetting(name string) error {
	return pgerr.New(pgerr.UndefinedObject, "unrecognized configuration parameter %q", name)
}
