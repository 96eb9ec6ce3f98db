package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chaisqld/engine"
)

// shown is what SHOW answers: a value, or the error.
func (c *client) shown(name string) string {
	c.t.Helper()
	c.send(query("SHOW " + name))
	for _, m := range c.untilReady() {
		if value, found := strings.CutPrefix(m, "Row "); found {
			return value
		}
		if strings.HasPrefix(m, "ERROR") {
			return m
		}
	}
	c.t.Fatalf("SHOW %s has no answer", name)
	return ""
}

// Libraries put their machine's time zone and the like into the start packet,
// without being asked. Later the same is refused, because somebody wants it.
func TestStartPacketsMayNameWhatIsNotHere(t *testing.T) {
	s := startServer(t, Options{})
	c := s.dial(t)
	c.send(startupMessage("user", "tester", "TimeZone", "Europe/Paris", "datestyle", "German", "geqo", "nonsense", "search_path", `"$user",public`,
		"options", "-c TimeZone=Mars/Olympus -c jit=off -c work_mem=64MB -c row_security=off -c lock_timeout=5s -c app.tenant=blue"))
	got := c.untilReady()
	for _, want := range []string{"TimeZone=UTC", "DateStyle=ISO, MDY", "Ready I"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
	for name, want := range map[string]string{
		"TIME ZONE": "UTC", "geqo": "on", "search_path": `"$user", public`, "jit": "off", "work_mem": "64MB", "row_security": "off", "lock_timeout": "5s", "app.tenant": "blue",
	} {
		if got := c.shown(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	c.run("SET app.tenant = 'red'; RESET ALL")
	if got := c.shown("app.tenant"); got != "blue" {
		t.Errorf("reset to %s", got)
	}
	for _, refused := range []string{"SET TIME ZONE 'Europe/Paris'", "SET DateStyle = 'German'", "SET geqo = nonsense", "SET work_mem = much", "SET search_path = elsewhere", "SET search_path = ''"} {
		c.do(refused, "ERROR 22023", "Ready I")
	}
}

func TestSettingsWithoutEffectAreKept(t *testing.T) {
	c := startServer(t, Options{}).connect(t)
	for statement, want := range map[string]string{
		"SET enable_seqscan = 0":                      "enable_seqscan off",
		"SET work_mem TO '1.5GB'":                     "work_mem 1.5GB",
		"SET random_page_cost = 1.1":                  "random_page_cost 1.1",
		"SET plan_cache_mode = force_custom_plan":     "plan_cache_mode force_custom_plan",
		"SET check_function_bodies = false":           "check_function_bodies off",
		"SET search_path TO public, pg_catalog":       "search_path public, pg_catalog",
		"SET idle_in_transaction_session_timeout = 0": "idle_in_transaction_session_timeout 0",
		"SET lock_timeout = 90000":                    "lock_timeout 90s",
		"SET LOCAL jit = on":                          "jit off", // outside of a transaction
		"SET ROLE NONE":                               "role none",
		"RESET ROLE":                                  "role none",
		"RESET SESSION AUTHORIZATION":                 "session_authorization tester",
		"SET SESSION AUTHORIZATION DEFAULT":           "session_authorization tester",
	} {
		c.run(statement)
		name, value, _ := strings.Cut(want, " ")
		if got := c.shown(name); got != value {
			t.Errorf("%s: %s is %q, want %q", statement, name, got, value)
		}
	}
	c.do("SET ROLE app", "ERROR 0A000", "Ready I")
	c.do("SET SESSION AUTHORIZATION app", "ERROR 0A000", "Ready I")
}

// As in PostgreSQL, a setting with a dot exists from its first SET to the end
// of the session, whatever is rolled back.
func TestCustomSettings(t *testing.T) {
	c := startServer(t, Options{}).connect(t)
	for _, test := range []struct{ statement, name, want string }{
		{"SELECT 1", "app.user", "ERROR 42704"},
		{"BEGIN; SET LOCAL app.user = 'it''s me'; COMMIT", "app.user", ""},
		{"BEGIN; SET app.user = 7; ROLLBACK", "app.user", ""},
		{"SET App.User = 7", "app.USER", "7"},
		{"BEGIN; SET LOCAL app.user = 8; COMMIT", "app.user", "7"},
		{"SET app.user.name = a, b", "app.user.name", "a, b"},
		{"DISCARD ALL", "app.user", ""},
		{"SELECT 1", "app.other", "ERROR 42704"},
	} {
		c.run(test.statement)
		if got := c.shown(test.name); got != test.want {
			t.Errorf("%s: %s is %q, want %q", test.statement, test.name, got, test.want)
		}
	}
	c.do(`SET app."x y" = 1`, "ERROR 42602", "Ready I")
	c.do("SET app.x = '"+strings.Repeat("x", maxCustomBytes+1)+"'", "ERROR 54000", "Ready I")
	for i := range maxCustomSettings - 2 {
		c.run(fmt.Sprintf("SET app.x%d = 1", i))
	}
	c.do("SET app.more = 1", "ERROR 54000", "Ready I")
	c.run("SET app.x0 = 2")
}

func TestShowTellsTheStatementTimeoutThatApplies(t *testing.T) {
	c := startServer(t, Options{StatementTimeout: 30 * time.Second}).connect(t)
	for set, want := range map[string]string{"DEFAULT": "30s", "0": "30s", "'31s'": "30s", "1500": "1500ms", "20000": "20s"} {
		c.run("SET statement_timeout = " + set)
		if got := c.shown("statement_timeout"); got != want {
			t.Errorf("%s: %s, want %s", set, got, want)
		}
	}
	for written, want := range map[string]string{"60000": "1min", "90s": "90s", "36h": "36h", "2d": "2d", "100us": "0"} {
		if got, ok := acceptTimeout(written); !ok || got != want {
			t.Errorf("%s: %s, want %s", written, got, want)
		}
	}
}

// Nobody else's limit would end these waits in the time that the test has.
func patientServer(t *testing.T) *testServer {
	const long = time.Minute
	return serveDatabase(t, engine.Options{Dir: engine.Memory, WriterWait: long, IdleInTransaction: long}, Options{StatementTimeout: long, IdleInTransaction: long})
}

func TestLockTimeoutEndsAWaitForTheWriter(t *testing.T) {
	s := patientServer(t)
	holder, c := lease(t, s), s.connect(t)
	c.do("SET lock_timeout = '20ms'", "SET", "Ready I")
	c.do("INSERT INTO t VALUES ('x', 1)", "ERROR 55P03", "Ready I")
	c.do("BEGIN; INSERT INTO t VALUES ('x', 1)", "BEGIN", "ERROR 55P03", "Ready E")
	c.do("ROLLBACK; BEGIN ISOLATION LEVEL SERIALIZABLE", "ROLLBACK", "ERROR 55P03", "Ready I")
	c.run("SET statement_timeout = '10ms'; SET lock_timeout = '1min'")
	c.do("INSERT INTO t VALUES ('x', 1)", "ERROR 57014", "Ready I")
	holder.do("ROLLBACK", "ROLLBACK", "Ready I")
	c.run("RESET ALL; SET lock_timeout = '1min'; INSERT INTO t VALUES ('x', 1); BEGIN; INSERT INTO t VALUES ('y', 1); COMMIT")
}

func TestClientsCanLimitTheirOwnIdlenessInTransactions(t *testing.T) {
	s := patientServer(t)
	c := s.connect(t)
	c.run("SET idle_in_transaction_session_timeout = '20ms'")
	c.do("BEGIN", "BEGIN", "Ready T")
	c.expect("FATAL 25P03", "EOF")
	holder := lease(t, s)
	holder.do("SET LOCAL idle_in_transaction_session_timeout = 20", "SET", "Ready T")
	holder.expect("FATAL 25P03", "EOF")
	s.connect(t).run("INSERT INTO t VALUES ('x', 1)") // the writer is free
}
