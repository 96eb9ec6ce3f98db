package wire

import (
	"regexp"
	"strings"

	"chaisqld/pgerr"
)

// Settings that a client may have and that change nothing here: PostgreSQL's
// about plans, memory and messages, and those that programs make up.

var (
	ignoredSwitch = kind{acceptBool, "on, off", true}
	ignoredAmount = kind{acceptAmount, "a number, with or without a unit", true}
	ignoredText   = kind{acceptName, "any text", true}
)

// ignored has name and default of each. They are about the choice among plans
// that are not made, memory that is not taken, and checks of what is refused.
var ignored = []struct {
	kind
	settings string
}{
	{ignoredSwitch, `array_nulls=on check_function_bodies=on default_transaction_deferrable=off enable_async_append=on enable_bitmapscan=on
		enable_gathermerge=on enable_group_by_reordering=on enable_hashagg=on enable_hashjoin=on enable_incremental_sort=on enable_indexonlyscan=on
		enable_indexscan=on enable_material=on enable_memoize=on enable_mergejoin=on enable_nestloop=on enable_parallel_append=on
		enable_parallel_hash=on enable_partition_pruning=on enable_partitionwise_aggregate=off enable_partitionwise_join=off
		enable_presorted_aggregate=on enable_seqscan=on enable_sort=on enable_tidscan=on escape_string_warning=on geqo=on jit=off
		parallel_leader_participation=on quote_all_identifiers=off row_security=on synchronize_seqscans=on transform_null_equals=off`},
	{ignoredAmount, `cpu_index_tuple_cost=0.005 cpu_operator_cost=0.0025 cpu_tuple_cost=0.01 cursor_tuple_fraction=0.1 default_statistics_target=100
		effective_cache_size=4GB effective_io_concurrency=1 from_collapse_limit=8 geqo_threshold=12 hash_mem_multiplier=2 join_collapse_limit=8
		jit_above_cost=100000 logical_decoding_work_mem=64MB maintenance_io_concurrency=10 maintenance_work_mem=64MB
		max_parallel_maintenance_workers=2 max_parallel_workers=8 max_parallel_workers_per_gather=2 min_parallel_index_scan_size=512kB
		min_parallel_table_scan_size=8MB parallel_setup_cost=1000 parallel_tuple_cost=0.1 random_page_cost=4 seq_page_cost=1
		tcp_keepalives_count=0 tcp_keepalives_idle=0 tcp_keepalives_interval=0 tcp_user_timeout=0 temp_buffers=8MB work_mem=4MB`},
	{ignoredText, `backslash_quote=safe_encoding constraint_exclusion=partition debug_parallel_query=off default_table_access_method=heap
		default_tablespace= force_parallel_mode=off lc_messages=C lc_monetary=C lc_numeric=C lc_time=C plan_cache_mode=auto temp_tablespaces=
		xmloption=content`},
}

func settingsWithoutEffect() (list []setting) {
	for _, i := range ignored {
		for word := range strings.FieldsSeq(i.settings) {
			name, value, _ := strings.Cut(word, "=")
			list = append(list, setting{name: name, value: value, kind: i.kind, about: "Kept and shown, without effect."})
		}
	}
	return list
}

var amount = regexp.MustCompile(`^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*([kMGT]?B|us|ms|s|min|h|d)?\s*$`)

// acceptAmount keeps it as it is written.
func acceptAmount(value string) (string, bool) {
	return strings.TrimSpace(value), len(value) <= 63 && amount.MatchString(value)
}

// A program's own settings, with a dot in their name, are kept as PostgreSQL
// keeps them, in memory: so they have limits.
const (
	maxCustomSettings = 64
	maxCustomName     = 127
	maxCustomBytes    = 1024
)

var customName = regexp.MustCompile(`^[a-z_\x80-\xff][\w$\x80-\xff]*(\.[a-z_\x80-\xff][\w$\x80-\xff]*)+$`)

// setCustom keeps a setting that only the client knows. One that was ever set
// exists until the session's end, though a rollback may empty it.
func (s *settings) setCustom(name, value string) error {
	switch {
	case !customName.MatchString(name) || len(name) > maxCustomName:
		return pgerr.New(pgerr.InvalidName, "invalid configuration parameter name %q", name).
			WithHint("Custom parameters are two or more identifiers with dots between them, of at most 127 bytes together.")
	case len(value) > maxCustomBytes:
		return pgerr.New(pgerr.ProgramLimitExceeded, "the value of parameter %q has %d bytes, the limit is %d", name, len(value), maxCustomBytes)
	case !s.custom[name] && len(s.custom) >= maxCustomSettings:
		return pgerr.New(pgerr.ProgramLimitExceeded, "too many custom parameters: the limit is %d", maxCustomSettings)
	}
	if s.custom == nil {
		s.custom = map[string]bool{}
	}
	s.custom[name] = true
	s.assign(name, value)
	return nil
}

func isCustom(name string) bool { return strings.Contains(name, ".") }
