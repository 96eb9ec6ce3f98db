package syntax

import (
	"reflect"
	"testing"
)

func TestSessionStatements(t *testing.T) {
	for _, test := range []struct {
		source string
		want   Session
	}{
		{"BEGIN", Session{Verb: "begin"}},
		{"begin work", Session{Verb: "begin"}},
		{"BEGIN TRANSACTION READ ONLY", Session{Verb: "begin", ReadOnly: true}},
		{"BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE", Session{Verb: "begin", Isolation: "serializable"}},
		{"START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY NOT DEFERRABLE", Session{Verb: "begin", ReadOnly: true, Isolation: "repeatable read"}},
		{"COMMIT", Session{Verb: "commit"}},
		{"END TRANSACTION", Session{Verb: "commit"}},
		{"COMMIT AND CHAIN", Session{Verb: "commit", Chain: true}},
		{"ROLLBACK AND NO CHAIN;", Session{Verb: "rollback"}},
		{"ABORT WORK", Session{Verb: "rollback"}},
		{"SET x = 1", Session{Verb: "set", Name: "x", Values: []string{"1"}}},
		{"SET SESSION X.Y TO 'A', b, -2.5", Session{Verb: "set", Name: "x.y", Values: []string{"A", "b", "-2.5"}}},
		{"SET LOCAL statement_timeout TO DEFAULT", Session{Verb: "set", Name: "statement_timeout", Local: true}},
		{"SET TIME ZONE 'UTC'", Session{Verb: "set", Name: "timezone", Values: []string{"UTC"}}},
		{"SET TIME ZONE DEFAULT", Session{Verb: "set", Name: "timezone"}},
		{"SET NAMES 'utf8'", Session{Verb: "set", Name: "client_encoding", Values: []string{"utf8"}}},
		{"SET default_transaction_read_only = on", Session{Verb: "set", Name: "default_transaction_read_only", Values: []string{"on"}}},
		{"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", Session{Verb: "set", Name: "transaction_isolation", Values: []string{"read committed"}}},
		{"SET ROLE NONE", Session{Verb: "set", Name: "role", Values: []string{"none"}}},
		{"SET LOCAL role TO 'none'", Session{Verb: "set", Name: "role", Values: []string{"none"}, Local: true}},
		{"SET role.x = 1", Session{Verb: "set", Name: "role.x", Values: []string{"1"}}},
		{"SET SESSION AUTHORIZATION DEFAULT", Session{Verb: "set", Name: "session_authorization"}},
		{"SET LOCAL SESSION AUTHORIZATION DEFAULT", Session{Verb: "set", Name: "session_authorization", Local: true}},
		{"SET TRANSACTION READ ONLY", Session{Verb: "set", Name: "transaction_read_only", Values: []string{"on"}}},
		{"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", Session{Verb: "set", Name: "default_transaction_read_only", Values: []string{"on"}}},
		{"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE", Session{Verb: "set", Name: "default_transaction_isolation", Values: []string{"serializable"}}},
		{"RESET ALL", Session{Verb: "reset"}},
		{"RESET x", Session{Verb: "reset", Name: "x"}},
		{"SHOW ALL", Session{Verb: "show"}},
		{"SHOW TIME ZONE", Session{Verb: "show", Name: "timezone"}},
		{"SHOW TRANSACTION ISOLATION LEVEL", Session{Verb: "show", Name: "transaction_isolation"}},
		{"SHOW Server_Version", Session{Verb: "show", Name: "server_version"}},
		{"DISCARD ALL", Session{Verb: "discard", Name: "all"}},
		{"DISCARD TEMP", Session{Verb: "discard", Name: "temporary"}},
		{"CLOSE ALL", Session{Verb: "discard", Name: "cursors"}},
		{"UNLISTEN *", Session{Verb: "discard", Name: "listeners"}},
		{"DEALLOCATE ALL", Session{Verb: "deallocate"}},
		{`DEALLOCATE PREPARE "_pg3_0"`, Session{Verb: "deallocate", Name: "_pg3_0"}},
	} {
		got, err := Parse(test.source, testDepth)
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		if !reflect.DeepEqual(got, &test.want) {
			t.Errorf("%s: got %+v, want %+v", test.source, got, test.want)
		}
	}
	for _, source := range []string{"BEGIN READ", "SET", "SET x", "SET x =", "SET x = (1)", "SHOW", "DISCARD", "DEALLOCATE", "SET TRANSACTION", "COMMIT AND", "SET ROLE", "SET ROLE app", "SET SESSION AUTHORIZATION app", "BEGIN READ ONLY,"} {
		if s, err := Parse(source, testDepth); err == nil {
			t.Errorf("%s was parsed: %+v", source, s)
		}
	}
}
