// Package engine owns a Chai database: it is the only code that touches Chai
// and Pebble, and keeps their known failures away from everybody else.
//
// Chai v0.18 is young. Left alone it can write index blocks that its own
// directory does not survive, acknowledges commits that the disk refused,
// commits half of a failed statement, and holds its locks after a panic. So
// the package puts two shims under it (comparer.go, fatalfs.go) and runs it in
// one narrow way:
//
//   - one writes at a time (writer.go), from one fair queue (queue.go), many
//     requests in one transaction and one fsync, each on its own again when
//     one of them fails; a request that finds the writer free and nobody
//     waiting is served in its own goroutine;
//   - reads run in their caller's goroutine and wait for nobody (readers.go):
//     Chai makes a new read transaction wait for a commit that is syncing, so
//     some are opened ahead of each commit, and none during it;
//   - every wait has a limit, and what has none, a hung commit, ends the
//     process (watchdog.go): kill -9 loses nothing, a hang loses the service.
package engine
