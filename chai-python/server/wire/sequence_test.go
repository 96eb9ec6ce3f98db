package wire

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// turn is what a client sends and what it must get, no more and no less.
type turn struct {
	send []pgproto3.FrontendMessage
	want []string
}

func says(parts ...any) []pgproto3.FrontendMessage { return messages(parts...) }

const (
	parsed = "ParseComplete"
	bound  = "BindComplete"
	closed = "CloseComplete"
)

// sequences are run one after the other on tables that each finds as it was:
// t holds the rows a 1, b 2, c 3.
var sequences = map[string][]turn{
	"simple query": {
		{says(query("SELECT id, n FROM t WHERE id = 'b'")), []string{"Columns id:25/0 n:23/0", "Row b|2", "SELECT 1", "Ready I"}},
		{says(query("")), []string{"EmptyQueryResponse", "Ready I"}},
		{says(query(" ; -- nothing\n ;")), []string{"EmptyQueryResponse", "Ready I"}},
		{says(query("SELECT 1 +")), []string{"ERROR 42601", "Ready I"}},
		{says(query("SELECT $1")), []string{"ERROR 42P02", "Ready I"}},
		{says(query("SELECT '\xff'")), []string{"ERROR 22021", "Ready I"}},
		{says(query("COPY t FROM STDIN")), []string{"ERROR 0A000", "Ready I"}},
	},
	"several statements are one transaction": {
		{says(query("INSERT INTO t VALUES ('x', 1); SELECT n FROM t WHERE id = 'x'; DELETE FROM t WHERE id = 'x'")),
			[]string{"INSERT 0 1", "Columns n:23/0", "Row 1", "SELECT 1", "DELETE 1", "Ready I"}},
		{says(query("INSERT INTO t VALUES ('x', 1); INSERT INTO t VALUES ('x', 2); SELECT 1")), []string{"INSERT 0 1", "ERROR 23505", "Ready I"}},
		{says(query("SELECT count(*) FROM t WHERE id = 'x'")), []string{"Columns count:20/0", "Row 0", "SELECT 1", "Ready I"}},
		{says(query("DELETE FROM t; SELECT nosuch FROM t")), []string{"DELETE 3", "ERROR 42703", "Ready I"}},
		{says(query("DELETE FROM t; SELECT 1 +")), []string{"ERROR 42601", "Ready I"}},
		{says(query("SELECT count(*) FROM t")), []string{"Columns count:20/0", "Row 3", "SELECT 1", "Ready I"}},
		{says(query("EXPLAIN DELETE FROM t")), []string{"Columns QUERY PLAN:25/0", "Row Delete from t", "Row   ->  Whole table t", "EXPLAIN", "Ready I"}},
	},
	"BEGIN and COMMIT inside a string": { // the manual's examples, 55.2.2.1
		{says(query("BEGIN; INSERT INTO t VALUES ('x', 1); COMMIT; INSERT INTO t VALUES ('y', 2); SELECT nosuch")),
			[]string{"BEGIN", "INSERT 0 1", "COMMIT", "INSERT 0 1", "ERROR 42703", "Ready I"}},
		{says(query("DELETE FROM t WHERE id = 'x'; COMMIT; DELETE FROM t WHERE id = 'a'; ROLLBACK")),
			[]string{"DELETE 1", "WARNING 25P01", "COMMIT", "DELETE 1", "WARNING 25P01", "ROLLBACK", "Ready I"}},
		{says(query("INSERT INTO t VALUES ('x', 1); BEGIN; INSERT INTO t VALUES ('y', 2)")), []string{"INSERT 0 1", "BEGIN", "INSERT 0 1", "Ready T"}},
		{says(query("ROLLBACK; SELECT count(*) FROM t")), []string{"ROLLBACK", "Columns count:20/0", "Row 3", "SELECT 1", "Ready I"}},
	},
	"schema and rows in one string": {
		{says(query("CREATE TABLE v (id TEXT PRIMARY KEY); INSERT INTO v VALUES ('x'); SELECT * FROM v")),
			[]string{"CREATE TABLE", "INSERT 0 1", "Columns id:25/0", "Row x", "SELECT 1", "Ready I"}},
		{says(query("DROP TABLE v; CREATE TABLE v (id TEXT PRIMARY KEY, n INTEGER); SELECT * FROM v")),
			[]string{"DROP TABLE", "CREATE TABLE", "Columns id:25/0 n:23/0", "SELECT 0", "Ready I"}},
		{says(query("DROP TABLE v; SELECT * FROM v")), []string{"DROP TABLE", "ERROR 42P01", "Ready I"}},
		{says(query("SELECT * FROM v")), []string{"Columns id:25/0 n:23/0", "SELECT 0", "Ready I"}},
		{says(query("BEGIN; DROP TABLE v; CREATE TABLE v (id TEXT PRIMARY KEY)")), []string{"BEGIN", "DROP TABLE", "CREATE TABLE", "Ready T"}},
		{says(parse("", "SELECT * FROM v"), describe('S', ""), syncing), []string{parsed, "Params []", "Columns id:25/0", "Ready T"}},
		{says(query("COMMIT; DROP TABLE v; DROP TABLE IF EXISTS v")), []string{"COMMIT", "DROP TABLE", "NOTICE 00000", "DROP TABLE", "Ready I"}},
	},
	"explicit transaction": {
		{says(query("BEGIN")), []string{"BEGIN", "Ready T"}},
		{says(query("BEGIN")), []string{"WARNING 25001", "BEGIN", "Ready T"}},
		{says(query("DELETE FROM t WHERE id = 'a'")), []string{"DELETE 1", "Ready T"}},
		{says(query("SELECT count(*) FROM t")), []string{"Columns count:20/0", "Row 2", "SELECT 1", "Ready T"}},
		{says(query("SELECT nosuch FROM t")), []string{"ERROR 42703", "Ready E"}},
		{says(query("SELECT 1")), []string{"ERROR 25P02", "Ready E"}},
		{says(query("SET application_name = 'x'")), []string{"ERROR 25P02", "Ready E"}},
		{says(query("SELECT 1 +")), []string{"ERROR 42601", "Ready E"}},
		{says(query("BEGIN")), []string{"ERROR 25P02", "Ready E"}},
		{says(query("")), []string{"EmptyQueryResponse", "Ready E"}},
		{says(parse("", "SELECT 1"), syncing), []string{"ERROR 25P02", "Ready E"}},
		{says(whole("COMMIT"), whole("SELECT 1"), syncing), []string{parsed, bound, "ROLLBACK", parsed, bound, "Row 1", "SELECT 1", "Ready I"}},
		{says(query("SELECT count(*) FROM t")), []string{"Columns count:20/0", "Row 3", "SELECT 1", "Ready I"}},
		{says(query("COMMIT")), []string{"WARNING 25P01", "COMMIT", "Ready I"}},
		{says(query("ROLLBACK")), []string{"WARNING 25P01", "ROLLBACK", "Ready I"}},
	},
	"a failed transaction ends and another begins in one string": {
		{says(query("BEGIN; SELECT nosuch")), []string{"BEGIN", "ERROR 42703", "Ready E"}},
		{says(query("ROLLBACK; BEGIN; SELECT 1")), []string{"ROLLBACK", "BEGIN", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready T"}},
		{says(query("COMMIT AND CHAIN")), []string{"COMMIT", "Ready T"}},
		{says(query("ROLLBACK AND NO CHAIN")), []string{"ROLLBACK", "Ready I"}},
	},
	"read-only transaction": {
		{says(query("BEGIN READ ONLY")), []string{"BEGIN", "Ready T"}},
		{says(query("SHOW transaction_read_only")), []string{"Columns transaction_read_only:25/0", "Row on", "SHOW", "Ready T"}},
		{says(query("SELECT count(*) FROM t")), []string{"Columns count:20/0", "Row 3", "SELECT 1", "Ready T"}},
		{says(query("DELETE FROM t")), []string{"ERROR 25006", "Ready E"}},
		{says(query("COMMIT")), []string{"ROLLBACK", "Ready I"}},
		{says(query("SET default_transaction_read_only = on")), []string{"SET", "default_transaction_read_only=on", "Ready I"}},
		{says(query("DELETE FROM t")), []string{"ERROR 25006", "Ready I"}},
		{says(query("CREATE TABLE z (id TEXT PRIMARY KEY)")), []string{"ERROR 25006", "Ready I"}},
		{says(query("RESET ALL")), []string{"RESET", "default_transaction_read_only=off", "Ready I"}},
	},
	"isolation": {
		{says(query("BEGIN ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation; COMMIT")),
			[]string{"BEGIN", "Columns transaction_isolation:25/0", "Row serializable", "SHOW", "COMMIT", "Ready I"}},
		{says(query("BEGIN; SET TRANSACTION READ ONLY; DELETE FROM t")), []string{"BEGIN", "SET", "ERROR 25006", "Ready E"}},
		{says(query("ROLLBACK; SHOW transaction_isolation")), []string{"ROLLBACK", "Columns transaction_isolation:25/0", "Row read committed", "SHOW", "Ready I"}},
		{says(query("SET TRANSACTION READ ONLY")), []string{"ERROR 0A000", "Ready I"}},
		{says(query("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")), []string{"SET", "default_transaction_read_only=on", "Ready I"}},
		{says(query("DELETE FROM t")), []string{"ERROR 25006", "Ready I"}},
		{says(query("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ; SHOW TRANSACTION ISOLATION LEVEL")),
			[]string{"SET", "Columns transaction_isolation:25/0", "Row repeatable read", "SHOW", "Ready I"}},
	},
	"extended query": {
		{says(parse("s", "SELECT n FROM t WHERE id = $1"), describe('S', "s"), syncing), []string{parsed, "Params [25]", "Columns n:23/0", "Ready I"}},
		{says(bind("", "s", "b"), describe('P', ""), execute(""), syncing), []string{bound, "Columns n:23/0", "Row 2", "SELECT 1", "Ready I"}},
		{says(bind("", "s", "none"), execute(""), syncing), []string{bound, "SELECT 0", "Ready I"}},
		{says(parse("s", "SELECT 1"), syncing), []string{"ERROR 42P05", "Ready I"}},
		{says(closing('S', "s"), closing('S', "s"), bind("", "s"), syncing), []string{closed, closed, "ERROR 26000", "Ready I"}},
		{says(execute(""), syncing), []string{"ERROR 34000", "Ready I"}},
		{says(describe('S', ""), syncing), []string{"ERROR 26000", "Ready I"}},
		{says(describe('P', "p"), syncing), []string{"ERROR 34000", "Ready I"}},
		{says(describe('X', "p"), syncing), []string{"ERROR 08P01", "Ready I"}},
		{says(closing('X', "p"), syncing), []string{"ERROR 08P01", "Ready I"}},
		{says(whole("DELETE FROM t WHERE id = 'none'"), describe('P', ""), syncing), []string{parsed, bound, "DELETE 0", "NoData", "Ready I"}},
		{says(whole(""), syncing), []string{parsed, bound, "EmptyQueryResponse", "Ready I"}},
		{says(parse("", "SELECT 1; SELECT 2"), syncing), []string{"ERROR 42601", "Ready I"}},
		{says(syncing, syncing), []string{"Ready I", "Ready I"}},
	},
	"formats": {
		{says(parse("", "SELECT n, id FROM t WHERE n = $1", 23),
			&pgproto3.Bind{Parameters: [][]byte{{0, 0, 0, 2}}, ParameterFormatCodes: []int16{1}, ResultFormatCodes: []int16{1, 0}}, describe('P', ""), execute(""), syncing),
			[]string{parsed, bound, "Columns n:23/1 id:25/0", "Row \x00\x00\x00\x02|b", "SELECT 1", "Ready I"}},
		{says(parse("", "SELECT id, n FROM t WHERE id = $1"), &pgproto3.Bind{Parameters: [][]byte{[]byte("a")}, ResultFormatCodes: []int16{1}}, execute(""), syncing),
			[]string{parsed, bound, "Row a|\x00\x00\x00\x01", "SELECT 1", "Ready I"}},
		{says(parse("", "SELECT 1"), &pgproto3.Bind{ResultFormatCodes: []int16{0, 0}}, syncing), []string{parsed, "ERROR 08P01", "Ready I"}},
		{says(parse("", "SELECT 1"), &pgproto3.Bind{ResultFormatCodes: []int16{2}}, syncing), []string{parsed, "ERROR 22023", "Ready I"}},
		{says(parse("", "SELECT id FROM t WHERE id = $1"), bind("", "", "a", "b"), syncing), []string{parsed, "ERROR 08P01", "Ready I"}},
		{says(parse("", "SELECT id FROM t WHERE id = $1"), bind("", ""), syncing), []string{parsed, "ERROR 08P01", "Ready I"}},
		{says(parse("", "SELECT id FROM t WHERE id = $1"), bind("", "", "\xff"), syncing), []string{parsed, "ERROR 22021", "Ready I"}},
		{says(parse("", "SELECT id FROM t WHERE n = $1", 23), bind("", "", "x"), syncing), []string{parsed, "ERROR 22P02", "Ready I"}},
	},
	"portals": {
		{says(parse("s", "SELECT id FROM t ORDER BY id"), bind("p", "s"), execute("p", 2), execute("p", 2), execute("p"), syncing),
			[]string{parsed, bound, "Row a", "Row b", "PortalSuspended", "Row c", "SELECT 1", "SELECT 0", "Ready I"}},
		{says(execute("p"), syncing), []string{"ERROR 34000", "Ready I"}}, // gone with its transaction
		{says(query("BEGIN"), bind("p", "s"), execute("p", 1), syncing), []string{"BEGIN", "Ready T", bound, "Row a", "PortalSuspended", "Ready T"}},
		{says(bind("p", "s"), syncing), []string{"ERROR 42P03", "Ready E"}},
		{says(query("ROLLBACK; BEGIN"), bind("p", "s"), execute("p", 1), syncing), []string{"ROLLBACK", "BEGIN", "Ready T", bound, "Row a", "PortalSuspended", "Ready T"}},
		{says(query("DELETE FROM t WHERE id = 'b'"), execute("p", 5), closing('P', "p"), execute("p"), syncing),
			[]string{"DELETE 1", "Ready T", "Row b", "Row c", "SELECT 2", closed, "ERROR 34000", "Ready E"}},
		{says(query("ROLLBACK")), []string{"ROLLBACK", "Ready I"}},
		{says(parse("", "DELETE FROM t WHERE id = 'a'"), bind("", ""), execute(""), execute(""), syncing), []string{parsed, bound, "DELETE 1", "ERROR 55000", "Ready I"}},
	},
	"a pipeline is one transaction": {
		{says(whole("INSERT INTO t VALUES ('x', 1)"), whole("SELECT n FROM t WHERE id = 'x'"), whole("DELETE FROM t WHERE id = $1", "x"), syncing),
			[]string{parsed, bound, "INSERT 0 1", parsed, bound, "Row 1", "SELECT 1", parsed, bound, "DELETE 1", "Ready I"}},
		{says(whole("INSERT INTO t VALUES ('x', 1)"), whole("INSERT INTO t VALUES ('x', 1)"), whole("SELECT 1"), syncing, whole("SELECT count(*) FROM t"), syncing),
			[]string{parsed, bound, "INSERT 0 1", parsed, bound, "ERROR 23505", "Ready I", parsed, bound, "Row 3", "SELECT 1", "Ready I"}},
		{says(whole("DELETE FROM t"), parse("", "SELECT nosuch"), whole("SELECT 1"), syncing), []string{parsed, bound, "DELETE 3", "ERROR 42703", "Ready I"}},
		{says(whole("INSERT INTO t VALUES ('a', 1)"), parse("kept", "SELECT 1"), syncing), []string{parsed, bound, "ERROR 23505", "Ready I"}},
		{says(bind("", "kept"), syncing), []string{"ERROR 26000", "Ready I"}}, // its Parse came after the error
		{says(whole("CREATE TABLE v (id TEXT PRIMARY KEY)"), whole("INSERT INTO v VALUES ('x')"), whole("SELECT * FROM v"), whole("DROP TABLE v"), syncing),
			[]string{parsed, bound, "CREATE TABLE", parsed, bound, "INSERT 0 1", parsed, bound, "Row x", "SELECT 1", parsed, bound, "DROP TABLE", "Ready I"}},
		{says(whole("BEGIN"), whole("DELETE FROM t"), syncing, whole("ROLLBACK"), whole("SELECT count(*) FROM t"), syncing),
			[]string{parsed, bound, "BEGIN", parsed, bound, "DELETE 3", "Ready T", parsed, bound, "ROLLBACK", parsed, bound, "Row 3", "SELECT 1", "Ready I"}},
		{says(whole("DELETE FROM t WHERE id = 'a'"), query("SELECT nosuch")), []string{parsed, bound, "DELETE 1", "ERROR 42703", "Ready I"}},
		{says(query("SELECT count(*) FROM t")), []string{"Columns count:20/0", "Row 3", "SELECT 1", "Ready I"}},
	},
	"flush": {
		{says(parse("", "SELECT n FROM t WHERE id = $1"), describe('S', ""), flushing), []string{parsed, "Params [25]", "Columns n:23/0"}},
		{says(bind("", "", "a"), execute(""), flushing), []string{bound, "Row 1", "SELECT 1"}},
		{says(whole("DELETE FROM t WHERE id = 'a'"), flushing), []string{parsed, bound, "DELETE 1"}},
		{says(whole("SELECT count(*) FROM t"), flushing), []string{parsed, bound, "Row 2", "SELECT 1"}},
		{says(parse("", "SELECT nosuch")), []string{"ERROR 42703"}}, // told at once
		{says(whole("SELECT 1"), flushing, query("SELECT 1"), syncing), []string{"Ready I"}},
		{says(query("SELECT count(*) FROM t")), []string{"Columns count:20/0", "Row 3", "SELECT 1", "Ready I"}},
	},
	"settings": {
		{says(query("SET application_name = 'me'")), []string{"SET", "application_name=me", "Ready I"}},
		{says(query("SET application_name TO 'me'")), []string{"SET", "Ready I"}},
		{says(query("BEGIN; SET application_name = 'you'; ROLLBACK; SHOW application_name")),
			[]string{"BEGIN", "SET", "ROLLBACK", "Columns application_name:25/0", "Row me", "SHOW", "Ready I"}},
		{says(query("BEGIN; SET LOCAL application_name = 'you'")), []string{"BEGIN", "SET", "application_name=you", "Ready T"}},
		{says(query("COMMIT")), []string{"COMMIT", "application_name=me", "Ready I"}},
		{says(query("SET application_name = 'you'; SELECT nosuch")), []string{"SET", "ERROR 42703", "Ready I"}},
		{says(query("BEGIN; SET application_name = 'me'; SET LOCAL application_name = 'you'; SET LOCAL application_name = 'them'; COMMIT")), []string{"BEGIN", "SET", "SET", "SET", "COMMIT", "Ready I"}},
		{says(query("BEGIN; SET LOCAL application_name = 'you'; RESET application_name; COMMIT; SHOW application_name")), []string{"BEGIN", "SET", "RESET", "COMMIT", "Columns application_name:25/0", "Row ", "SHOW", "application_name=", "Ready I"}},
		{says(query("SET LOCAL application_name = 'you'")), []string{"WARNING 25P01", "SET", "Ready I"}},
		{says(query("SET client_min_messages = error; SET LOCAL application_name = 'you'")), []string{"SET", "SET", "Ready I"}},
		{says(query("RESET client_min_messages; SET DateStyle = ISO, DMY")), []string{"RESET", "SET", "DateStyle=ISO, DMY", "Ready I"}},
		{says(query("SET TIME ZONE 'UTC'; SET client_encoding = 'utf-8'; SET extra_float_digits = 3; SET statement_timeout = '2min'")), []string{"SET", "SET", "SET", "SET", "Ready I"}},
		{says(query("SET TIME ZONE 'Europe/Paris'")), []string{"ERROR 22023", "Ready I"}},
		{says(query("SET client_encoding = 'LATIN1'")), []string{"ERROR 22023", "Ready I"}},
		{says(query("SET lock_timeout = 'soon'")), []string{"ERROR 22023", "Ready I"}},
		{says(query("SET statement_timeout = '1 fortnight'")), []string{"ERROR 22023", "Ready I"}},
		{says(query("SET server_version = '9'")), []string{"ERROR 55P02", "Ready I"}},
		{says(query("SET nosuch = 1")), []string{"ERROR 42704", "Ready I"}},
		{says(query("SHOW nosuch")), []string{"ERROR 42704", "Ready I"}},
		{says(whole("SET application_name = 'x'"), whole("SHOW application_name"), syncing), []string{parsed, bound, "SET", parsed, bound, "Row x", "SHOW", "application_name=x", "Ready I"}},
	},
	"discard and deallocate": {
		{says(parse("s", "SELECT 1"), syncing), []string{parsed, "Ready I"}},
		{says(query("DEALLOCATE nosuch")), []string{"ERROR 26000", "Ready I"}},
		{says(query("DEALLOCATE s; SELECT 1")), []string{"DEALLOCATE", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I"}},
		{says(bind("", "s"), syncing), []string{"ERROR 26000", "Ready I"}},
		{says(parse("s", "SELECT 1"), whole("DEALLOCATE s"), parse("s", "SELECT 2"), bind("", "s"), execute(""), syncing),
			[]string{parsed, parsed, bound, "DEALLOCATE", parsed, bound, "Row 2", "SELECT 1", "Ready I"}},
		{says(query("BEGIN; DISCARD ALL")), []string{"BEGIN", "ERROR 25001", "Ready E"}},
		{says(query("ROLLBACK; DISCARD PLANS")), []string{"ROLLBACK", "DISCARD PLANS", "Ready I"}},
		{says(query("DISCARD ALL")), []string{"DISCARD ALL", "Ready I"}},
		{says(bind("", "s"), syncing), []string{"ERROR 26000", "Ready I"}},
	},
	"what clients send when they connect or clean up": {
		{says(query("SELECT current_schema(), pg_catalog.current_schema()")), []string{"Columns current_schema:19/0 current_schema:19/0", "Row public|public", "SELECT 1", "Ready I"}},
		{says(query("SELECT pg_catalog.version(); SHOW standard_conforming_strings; SHOW transaction isolation level")),
			[]string{"Columns version:25/0", "Row PostgreSQL 15.0 (chaisqld)", "SELECT 1", "Columns standard_conforming_strings:25/0", "Row on", "SHOW",
				"Columns transaction_isolation:25/0", "Row read committed", "SHOW", "Ready I"}},
		{says(query("SET extra_float_digits = 3; SET application_name = 'x'; SET DateStyle = 'ISO'; SET jit = off; SET client_encoding = '''utf-8'''")),
			[]string{"SET", "SET", "SET", "SET", "SET", "application_name=x", "Ready I"}},
		{says(query("SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL")),
			[]string{"Columns pg_advisory_unlock_all:25/0", "Row ", "SELECT 1", "CLOSE CURSOR ALL", "UNLISTEN", "RESET", "application_name=", "Ready I"}},
		{says(query("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE; COMMIT; START TRANSACTION READ ONLY; END; DISCARD PLANS")),
			[]string{"BEGIN", "COMMIT", "BEGIN", "COMMIT", "DISCARD PLANS", "Ready I"}},
		{says(whole(" ; "), whole("-- ping"), syncing, query(";"), query("DEALLOCATE ALL")),
			[]string{parsed, bound, "EmptyQueryResponse", parsed, bound, "EmptyQueryResponse", "Ready I", "EmptyQueryResponse", "Ready I", "DEALLOCATE ALL", "Ready I"}},
		{says(query("COPY t TO STDOUT")), []string{"ERROR 0A000", "Ready I"}},
		{says(query("SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname LIKE 't'")), []string{"ERROR 0A000", "Ready I"}},
		{says(query("SELECT table_name FROM information_schema.tables")), []string{"Columns table_name:19/0", "Row t", "SELECT 1", "Ready I"}},
		{says(query("LISTEN x"), query("CLOSE c"), query("SELECT set_config('jit', 'off', false)")), []string{"ERROR 0A000", "Ready I", "ERROR 0A000", "Ready I", "ERROR 0A000", "Ready I"}},
	},
	"what psql asks for its commands": {
		{says(query(`SELECT c.relname AS "Name", c.relkind, c.relhasindex FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) '^(t.*)$' ORDER BY 1;`)),
			[]string{"Columns Name:19/0 relkind:18/0 relhasindex:16/0", "Row t|r|t", "Row t_pkey|i|f", "SELECT 2", "Ready I"}},
		{says(whole(`SELECT d.datname, 1 FROM pg_catalog.pg_database d`), syncing), []string{"ERROR 0A000", "Ready I"}},
		{says(whole(`SELECT d.datname, d.daticulocale FROM pg_catalog.pg_database d`), whole(`SELECT 1 FROM pg_catalog.pg_policy pol`), syncing),
			[]string{parsed, bound, "Row chai|NULL", "SELECT 1", parsed, bound, "SELECT 0", "Ready I"}},
		{says(query(`BEGIN; SELECT c.relname FROM pg_class c WHERE c.relname ~ '('`)), []string{"BEGIN", "ERROR 2201B", "Ready E"}},
		{says(query(`SELECT c.relname FROM pg_class c`), query(`ROLLBACK`)), []string{"ERROR 25P02", "Ready E", "ROLLBACK", "Ready I"}},
	},
	"a failure takes back the statements prepared behind it": {
		{says(whole("SELECT 1"), parse("kept", "SELECT 2"), whole("INSERT INTO t VALUES ('a', 1)"), parse("lost", "SELECT 3"), syncing),
			[]string{parsed, bound, "Row 1", "SELECT 1", parsed, parsed, bound, "ERROR 23505", "Ready I"}},
		{says(bind("", "kept"), execute(""), syncing), []string{bound, "Row 2", "SELECT 1", "Ready I"}},
		{says(bind("", "lost"), syncing), []string{"ERROR 26000", "Ready I"}},
	},
	"messages out of place": {
		{says(&pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "x"}, query("SELECT 1")), []string{"Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I"}},
		{says(&pgproto3.FunctionCall{Function: 1}), []string{"ERROR 0A000", "Ready I"}},
		{says(bind("", "nosuch"), execute(""), describe('P', ""), flushing), []string{"ERROR 26000"}},
		{says(query("SELECT 1"), parse("", "SELECT 1"), syncing), []string{"Ready I"}},
	},
}

func TestMessageSequences(t *testing.T) {
	s := startServer(t, Options{})
	for name, turns := range sequences {
		t.Run(name, func(t *testing.T) {
			c := s.connect(t)
			c.run("DROP TABLE IF EXISTS t; CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER); INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)")
			for _, turn := range turns {
				c.send(turn.send...)
				c.expect(turn.want...)
			}
			c.send(&pgproto3.Terminate{})
			c.expect("EOF")
		})
	}
}
