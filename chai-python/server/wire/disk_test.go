package wire

import (
	"syscall"
	"testing"

	"chaisqld/engine"
)

// freeSpace is what is free on the disk of a directory.
func freeSpace(t *testing.T, dir string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * int64(s.Bsize)
}

// On a disk that is nearly full nothing is written, and everything can be
// deleted, whichever way a client says so.
func TestNearlyFullDiskTakesDeletes(t *testing.T) {
	dir := t.TempDir()
	roomy := serveDatabase(t, engine.Options{Dir: dir, DiskFloor: -1}, Options{})
	c := roomy.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY); CREATE TABLE u (id TEXT PRIMARY KEY); CREATE INDEX u_id ON u (id)")
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		c.run("INSERT INTO t VALUES ('" + id + "')")
	}
	roomy.stop(patience)
	if err := roomy.engine.Close(); err != nil {
		t.Fatal(err)
	}
	c = serveDatabase(t, engine.Options{Dir: dir, DiskFloor: 2 * freeSpace(t, dir)}, Options{}).connect(t)
	c.do("INSERT INTO t VALUES ('x')", "ERROR 53100", "Ready I")
	c.do("UPDATE t SET id = 'x' WHERE id = '1'", "ERROR 53100", "Ready I")
	c.do("CREATE TABLE v (id TEXT PRIMARY KEY)", "ERROR 53100", "Ready I")
	c.do("DELETE FROM t WHERE id = '1'; INSERT INTO t VALUES ('x')", "ERROR 53100", "Ready I")
	c.do("DELETE FROM t WHERE id = '1'", "DELETE 1", "Ready I")
	c.do("DELETE FROM t WHERE id = '2'; SELECT 1; DELETE FROM t WHERE id = '3'", "DELETE 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "DELETE 1", "Ready I")
	c.send(parse("", "DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY id LIMIT 1)"), bind("", ""), execute(""), syncing)
	c.expect(parsed, bound, "DELETE 1", "Ready I")
	c.do("BEGIN", "BEGIN", "Ready T")
	c.do("DELETE FROM t WHERE id = '5'", "DELETE 1", "Ready T")
	c.do("COMMIT", "COMMIT", "Ready I")
	c.do("BEGIN ISOLATION LEVEL SERIALIZABLE; DELETE FROM t WHERE id = '6'", "BEGIN", "DELETE 1", "Ready T")
	c.do("INSERT INTO t VALUES ('x')", "ERROR 53100", "Ready E")
	c.do("ROLLBACK", "ROLLBACK", "Ready I")
	c.do("DROP INDEX u_id; DROP TABLE u", "DROP INDEX", "DROP TABLE", "Ready I")
	c.do("SELECT count(*) FROM t", "Columns count:20/0", "Row 4", "SELECT 1", "Ready I")
}
