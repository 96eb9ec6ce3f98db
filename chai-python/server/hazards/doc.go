// Package hazards shows what Chai does when nobody stands in between.
//
// It holds tests only. Each runs Chai as it is published, through database/sql
// where that will do, and passes while the fault is there. When an upgrade of
// Chai or Pebble mends one, its test fails and names the guard in the server
// that may be reconsidered. docs/chai.md tells the same stories for readers.
//
// The package must not import chaisqld/engine, directly or not: that would link
// the shims into the test binary and show a Chai that nobody else has. Nothing
// else of this module is imported either, so that the directory can be copied
// next to any checkout of Chai and run there.
//
//	go test ./hazards                        less than half a minute
//	CHAI_HAZARDS=all go test -v ./hazards    the slow ones as well
package hazards
