// Package gate stands between PostgreSQL clients and Chai: it parses a client's SQL as a subset of PostgreSQL's grammar,
// checks names, types and parameters against the catalogue, and plans it into sentences that Chai is known to get right.
// Chai never sees a client's text, only sentences that are composed here, with every value handed over as a parameter.
//
// A statement goes down these steps:
//
//	gate.go, cache.go       Prepare: from a text to a Plan, or to one that is kept
//	syntax                  the package that makes a tree of a text
//	plan_*.go               one file for each kind of statement: what it binds, and how it runs
//	bind*.go                a binder makes checked expressions (nodes) of syntax, and settles the types of parameters
//	access.go, scan*.go     along which path a table is read, in which sentence
//	expr.go and others      nodes, which compute a value of a row; fold.go computes beforehand what depends on none
//	types.go and others     types and values, from text and back
//
// A Plan is run by package wire: Find looks for the rows of a change before the writer is there (scout.go), Run does the rest.
//
// What belongs together:
//
//   - Queries: plan_select.go with output.go (what is returned) and order.go; grouping.go, aggregate.go, tally.go,
//     accumulate.go and plan_aggregate.go for GROUP BY; printed.go tells whether two expressions are the same, value_keys.go
//     whether two values are; subselect.go
//     has queries within expressions, values.go VALUES, quantified.go = ANY and <> ALL.
//   - Changes: assign.go is what a column takes, row_write.go how one row is written.
//   - Functions: function_names.go are those that PostgreSQL has; the tables of those that are here are in *_functions.go and
//     time_operators.go; resolve.go finds one by the types of its arguments, bind_call.go and bind_operator.go bind it,
//     function.go computes it. search.go looks for texts in texts.
//   - Types: cast.go, compare.go and arithmetic.go on values of any; typenames.go; decimal.go, float.go, timestamp.go, date.go,
//     interval*.go, array.go; a field of a time has its names in time_fields.go, is cut to in time_truncate.go and taken out
//     in time_extract.go. input.go and text.go are the text format. The binary one is package wire's, but for
//     decimals and arrays.
//   - The catalogue: table.go; view.go has the four views, describe*.go answers psql's \d.
//   - What a statement may cost: limits.go, and bind_limits.go while it is bound; meter.go, memory.go and lane.go while it runs.
package gate
