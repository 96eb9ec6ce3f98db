package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"chaisqld/wire/testca"

	"github.com/jackc/pgx/v5"
)

func TestRemotePgx(t *testing.T) {
	s := startRemote(t, Options{})
	for name, settings := range map[string]string{
		"verify-full":       "",
		"channel binding":   "channel_binding=require",
		"no binding":        "channel_binding=disable",
		"direct":            "sslnegotiation=direct",
		"require":           "sslmode=require",
		"prefer plain text": "sslmode=allow", // falls back to TLS when refused
	} {
		t.Run(name, func(t *testing.T) {
			c, err := s.pgx(t, settings)
			if err != nil {
				t.Fatal(err)
			}
			var who string
			if err := c.QueryRow(t.Context(), "SHOW session_authorization").Scan(&who); err != nil || who != testUser {
				t.Errorf("%q, %v", who, err)
			}
		})
	}
}

func TestRemoteRefusals(t *testing.T) {
	s := startRemote(t, Options{})
	for name, test := range map[string]struct{ settings, want string }{
		"no TLS":         {"sslmode=disable", "28000"},
		"wrong password": {"password=wrong", "28P01"},
		"no password":    {"password=''", "28P01"},
		"unknown user":   {"user=mallory", "28P01"},
		"wrong host":     {"host=127.0.0.1", "127.0.0.1"},
		"GSS":            {"gssencmode=require sslmode=disable", "28000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.pgx(t, test.settings)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if _, err := s.pgx(t, ""); err != nil {
		t.Errorf("after all of that: %v", err)
	}
}

func TestRemoteCertificates(t *testing.T) {
	s := startRemote(t, Options{})
	s.certify(s.authority.Issue("localhost", time.Now().Add(-time.Hour)))
	if _, err := s.pgx(t, ""); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired certificate: %v", err)
	}
	s.certify(testca.New(t).Issue("localhost", time.Now().Add(time.Hour)))
	if _, err := s.pgx(t, ""); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("somebody else's certificate: %v", err)
	}
	s.certify(testca.WithoutBinding(t))
	if _, err := s.pgx(t, "sslmode=require sslrootcert=''"); err != nil {
		t.Errorf("a certificate without channel binding: %v", err)
	}
	if _, err := s.pgx(t, "sslmode=require sslrootcert='' channel_binding=require"); err == nil || !strings.Contains(err.Error(), "channel binding") {
		t.Errorf("channel binding where there is none: %v", err)
	}
	s.certify(s.authority.Issue("localhost", time.Now().Add(time.Hour)))
	if _, err := s.pgx(t, "channel_binding=require"); err != nil {
		t.Errorf("the new certificate: %v", err)
	}
}

// A client that begins with TLS has to name the protocol: otherwise it might be
// a browser that somebody led here.
func TestDirectTLSNeedsItsProtocol(t *testing.T) {
	s := startRemote(t, Options{})
	c := s.dialTCP(t)
	if err := c.encrypt(s.authority); err != nil {
		t.Fatal(err)
	}
	c.expect("FATAL 08P01", "EOF")
	c = s.dialTCP(t)
	if err := c.encrypt(s.authority, "http/1.1"); err == nil {
		t.Error("a handshake for another protocol succeeded")
	}
	c = s.dialTCP(t)
	if err := c.encrypt(s.authority, alpnProtocol); err != nil {
		t.Fatal(err)
	}
	c.send(startupMessage("user", testUser))
	c.expect("SASL [SCRAM-SHA-256-PLUS SCRAM-SHA-256]")
}

func psqlOrSkip(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	return path
}

func TestRemotePsql(t *testing.T) {
	psql := psqlOrSkip(t)
	s := startRemote(t, Options{})
	for name, test := range map[string]struct{ settings, want string }{
		"verify-full":     {"", "1\n"},
		"channel binding": {"channel_binding=require", "1\n"},
		"TLS 1.2":         {"ssl_max_protocol_version=TLSv1.2", "1\n"},
		"wrong password":  {"password=wrong", `password authentication failed for user "alice"`},
		"unknown user":    {"user=mallory", `password authentication failed for user "mallory"`},
		"no TLS":          {"sslmode=disable", "connections over TCP with TLS only"},
		"wrong host":      {"host=other.example", "does not match host name"},
		"wrong authority": {"sslrootcert=" + testca.New(t).Path, "certificate verify failed"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			out, err := exec.CommandContext(ctx, psql, "-XAtw", "-c", "SELECT 1", s.dsn(test.settings)).CombinedOutput()
			if !strings.Contains(string(out), test.want) || (err == nil) != (test.want == "1\n") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestRemoteCancel(t *testing.T) {
	s := startRemote(t, Options{})
	holder := lease(t, s.testServer)
	c, err := s.pgx(t, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Exec(ctx, "INSERT INTO t VALUES ('x', 1)"); err == nil {
		t.Error("the statement was not cancelled")
	}
	holder.do("ROLLBACK", "ROLLBACK", "Ready I")
}

func TestOldTLSIsRefused(t *testing.T) {
	s := startRemote(t, Options{})
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c := s.dialTCP(t)
		c.asksForTLS()
		err := tls.Client(c.nc, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}).Handshake()
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// Rows of several TLS records, and writes of them, come through whole.
func TestRemoteLargeValues(t *testing.T) {
	s := startRemote(t, Options{})
	c, err := s.pgx(t, "")
	if err != nil {
		t.Fatal(err)
	}
	value := []byte(strings.Repeat("0123456789abcdef", 200_000))
	exec := func(sql string, args ...any) {
		if _, err := c.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE b (id TEXT PRIMARY KEY, v BYTEA)")
	exec("INSERT INTO b VALUES ('x', $1)", value)
	var got []byte
	if err := c.QueryRow(t.Context(), "SELECT v FROM b", pgx.QueryExecModeExec).Scan(&got); err != nil || string(got) != string(value) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestRemoteShutdown(t *testing.T) {
	s := startRemote(t, Options{})
	c, err := s.pgx(t, "")
	if err != nil {
		t.Fatal(err)
	}
	s.overTLS(t)
	s.dialTCP(t)
	eventually(t, "all are there", func() bool { return s.Connections() == 3 })
	began := time.Now()
	s.stop(patience)
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	err = c.Ping(t.Context())
	wantCode(t, err, "57P01")
}

func TestAccessIsChecked(t *testing.T) {
	certificate := testca.WithoutBinding(t)
	users := map[string]Verifier{testUser: testVerifier(t, "x")}
	for name, test := range map[string]struct {
		certificate tls.Certificate
		users       map[string]Verifier
		secret      string
	}{
		"no users":        {certificate, nil, "s"},
		"no secret":       {certificate, users, ""},
		"no certificate":  {tls.Certificate{}, users, "s"},
		"bad certificate": {tls.Certificate{Certificate: [][]byte{{1}}}, users, "s"},
	} {
		if _, err := NewAccess(test.certificate, test.users, []byte(test.secret)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestVerifiers(t *testing.T) {
	v := testVerifier(t, testPassword)
	again, err := ParseVerifier(v.String())
	if err != nil || again.String() != v.String() {
		t.Errorf("%s came back as %s, %v", v, again, err)
	}
	// What PostgreSQL 15 stores for the password "pencil" with the salt of RFC 7677.
	rfc, err := NewVerifier("pencil", "[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81", 4096)
	want := "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || rfc.String() != want {
		t.Errorf("got  %s, %v\nwant %s", rfc, err, want)
	}
	users, err := ParseVerifiers("# users\n\n bob:" + rfc.String() + "\r\nalice:" + v.String())
	if err != nil || len(users) != 2 || users["bob"].String() != want {
		t.Errorf("%v, %v", users, err)
	}
}

func TestVerifiersThatAreRefused(t *testing.T) {
	good := testVerifier(t, "secret-password").String()
	parts := strings.FieldsFunc(good, func(r rune) bool { return r == '$' || r == ':' })
	build := func(iterations, salt, stored, server string) string {
		return fmt.Sprintf("u:SCRAM-SHA-256$%s:%s$%s:%s", iterations, salt, stored, server)
	}
	for name, text := range map[string]string{
		"no verifier":        "u",
		"clear text":         "u:secret-password",
		"md5":                "u:md5" + strings.Repeat("0", 32),
		"no user":            ":" + good,
		"user with a space":  "a b:" + good,
		"user too long":      strings.Repeat("u", 64) + ":" + good,
		"no UTF-8":           "\xff:" + good,
		"twice":              "u:" + good + "\nu:" + good,
		"iterations":         build("x", parts[2], parts[3], parts[4]),
		"few iterations":     build("100", parts[2], parts[3], parts[4]),
		"endless iterations": build("999999999999", parts[2], parts[3], parts[4]),
		"short salt":         build("4096", "AAAA", parts[3], parts[4]),
		"salt":               build("4096", "%", parts[3], parts[4]),
		"short key":          build("4096", parts[2], "AAAA", parts[4]),
		"no server key":      build("4096", parts[2], parts[3], ""),
		"something after":    build("4096", parts[2], parts[3], parts[4]+"x"),
	} {
		users, err := ParseVerifiers("# first\n" + text)
		if err == nil || !strings.Contains(err.Error(), "line ") || strings.Contains(err.Error(), "secret-password") {
			t.Errorf("%s: %v, %v", name, users, err)
		}
	}
}
