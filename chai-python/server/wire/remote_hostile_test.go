package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"
)

func first(mechanism, data string) *pgproto3.SASLInitialResponse {
	return &pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: []byte(data)}
}

func final(data string) *pgproto3.SASLResponse { return &pgproto3.SASLResponse{Data: []byte(data)} }

// login gets as far as the server's question for a password.
func (s *remoteServer) login(t testing.TB, user string) *client {
	t.Helper()
	c := s.overTLS(t)
	c.send(startupMessage("user", user))
	c.expect("SASL [SCRAM-SHA-256-PLUS SCRAM-SHA-256]")
	return c
}

// challenge sends a client's first message and gives the server's.
func (c *client) challenge(m *pgproto3.SASLInitialResponse) string {
	c.t.Helper()
	c.send(m)
	reply, err := c.f.Receive()
	next, ok := reply.(*pgproto3.AuthenticationSASLContinue)
	if err != nil || !ok {
		c.t.Fatalf("got %#v, %v", reply, err)
	}
	return string(next.Data)
}

const clientFirst = "n,,n=,r=client-nonce"

func TestGarbledSCRAM(t *testing.T) {
	s := startRemote(t, Options{})
	for name, test := range map[string]struct {
		message pgproto3.FrontendMessage
		want    string
	}{
		"unknown mechanism":         {first("SCRAM-SHA-1", clientFirst), "FATAL 08P01"},
		"no mechanism":              {first("", clientFirst), "FATAL 08P01"},
		"nothing":                   {first(scramPlain, ""), "FATAL 08P01"},
		"noise":                     {first(scramPlain, "\xff\x00,,,"), "FATAL 08P01"},
		"no nonce":                  {first(scramPlain, "n,,n="), "FATAL 08P01"},
		"extension":                 {first(scramPlain, "n,,m=x,n=,r=x"), "FATAL 08P01"},
		"bad flag":                  {first(scramPlain, "x,,n=,r=x"), "FATAL 08P01"},
		"bad name":                  {first(scramPlain, "n,,n==41,r=x"), "FATAL 08P01"},
		"downgrade":                 {first(scramPlain, "y,,n=,r=x"), "FATAL 28000"},
		"binding without plus":      {first(scramPlain, "p=tls-server-end-point,,n=,r=x"), "FATAL 08P01"},
		"plus without binding":      {first(scramPlus, clientFirst), "FATAL 28000"},
		"binding of another kind":   {first(scramPlus, "p=tls-exporter,,n=,r=x"), "FATAL 28000"},
		"binding that is not known": {first(scramPlus, "p=nosuch,,n=,r=x"), "FATAL 08P01"},
		"clear text":                {&pgproto3.PasswordMessage{Password: testPassword}, "FATAL 08P01"},
		"query":                     {query("SELECT 1"), "FATAL 08P01"},
		"sync":                      {syncing, "FATAL 08P01"},
		"too long":                  {first(scramPlain, strings.Repeat("x", maxSASLBytes)), "FATAL 54000"},
		"second start packet":       {startupMessage("user", testUser), "FATAL 54000"},
		"goodbye":                   {&pgproto3.Terminate{}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.login(t, testUser)
			c.send(test.message)
			c.expect(test.want)
		})
	}
	if _, err := s.pgx(t, ""); err != nil {
		t.Errorf("after all of that: %v", err)
	}
}

// proofOf answers a challenge as a client with that password would.
func proofOf(t testing.TB, password, challenge string) string {
	t.Helper()
	c, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		t.Fatal(err)
	}
	talk := c.WithNonceGenerator(func() string { return "client-nonce" }).NewConversation()
	if m, err := talk.Step(""); err != nil || m != clientFirst {
		t.Fatalf("client's first message %q, %v", m, err)
	}
	answer, err := talk.Step(challenge)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestGarbledProofs(t *testing.T) {
	s := startRemote(t, Options{})
	recorded := ""
	garble := func(change func(proof string) string) string {
		c := s.login(t, testUser)
		proof := proofOf(t, testPassword, c.challenge(first(scramPlain, clientFirst)))
		recorded = proof
		c.send(final(change(proof)))
		return c.untilReady()[0]
	}
	replace := func(field, with string) func(string) string {
		return func(proof string) string {
			fields := strings.Split(proof, ",")
			for i, f := range fields {
				if strings.HasPrefix(f, field) {
					fields[i] = with
				}
			}
			return strings.Join(fields, ",")
		}
	}
	if got := garble(func(p string) string { return p }); got != "AuthenticationSASLFinal" {
		t.Fatalf("untouched: %s", got)
	}
	replayed := recorded
	zero := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, test := range map[string]struct {
		change func(string) string
		want   string
	}{
		"replayed":              {func(string) string { return replayed }, "FATAL 08P01"},
		"nothing":               {func(string) string { return "" }, "FATAL 08P01"},
		"first message again":   {func(string) string { return clientFirst }, "FATAL 08P01"},
		"noise":                 {func(string) string { return "\x00\xff,\xfe,p=" }, "FATAL 08P01"},
		"no proof":              {replace("p=", "p="), "FATAL 08P01"},
		"short proof":           {replace("p=", "p=AAAA"), "FATAL 08P01"},
		"not base64":            {replace("p=", "p=%%%%"), "FATAL 08P01"},
		"proof of zeroes":       {replace("p=", "p="+zero), "FATAL 28P01"},
		"other nonce":           {replace("r=", "r=client-nonce"), "FATAL 08P01"},
		"other header":          {replace("c=", "c="+base64.StdEncoding.EncodeToString([]byte("y,,"))), "FATAL 28000"},
		"extension smuggled in": {replace("r=", "r=x,m=y"), "FATAL 08P01"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := garble(test.change); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	c := s.login(t, testUser) // the message of the first step where the second's belongs, and its answer after the end
	c.challenge(first(scramPlain, clientFirst))
	c.send(first(scramPlain, clientFirst))
	c.expect("FATAL 08P01", "EOF")
}

// What the server says to users that exist and to those that do not cannot be
// told apart, and a user that does not exist keeps its salt.
func TestUnknownUsersLookKnown(t *testing.T) {
	s := startRemote(t, Options{})
	salt := func(user string) string {
		t.Helper()
		challenge := s.login(t, user).challenge(first(scramPlain, clientFirst))
		fields := strings.Split(challenge, ",")
		if len(fields) != 3 || fields[2] != "i=4096" || len(fields[1]) != len("s=")+24 {
			t.Errorf("%s: challenge %q", user, challenge)
		}
		return fields[1]
	}
	mallory := salt("mallory")
	if mallory != salt("mallory") || mallory == salt("trudy") || mallory == salt(testUser) {
		t.Error("salts give users away")
	}
	for _, user := range []string{testUser, "mallory"} {
		c := s.login(t, user)
		c.send(final(proofOf(t, "wrong", c.challenge(first(scramPlain, clientFirst)))))
		reply, err := c.f.Receive()
		e, ok := reply.(*pgproto3.ErrorResponse)
		if err != nil || !ok || e.Code != "28P01" || e.Message != `password authentication failed for user "`+user+`"` || e.Hint+e.Detail != "" {
			t.Errorf("%s: %#v, %v", user, reply, err)
		}
	}
}

func TestFailedLoginsAreSlow(t *testing.T) {
	const delay = 150 * time.Millisecond
	s := startRemote(t, Options{LoginDelay: delay})
	for _, user := range []string{testUser, "mallory"} {
		c := s.login(t, user)
		proof := proofOf(t, "wrong", c.challenge(first(scramPlain, clientFirst)))
		sent := time.Now()
		c.send(final(proof))
		c.expect("FATAL 28P01", "EOF")
		if took := time.Since(sent); took < delay || took > delay+patience/4 {
			t.Errorf("%s: answered after %s", user, took)
		}
	}
}

// All of a login's steps share one deadline, TLS included.
func TestLoginHasADeadline(t *testing.T) {
	s := startRemote(t, Options{LoginTimeout: 1500 * time.Millisecond})
	c, err := s.pgx(t, "") // the deadline is for the login alone
	if err != nil {
		t.Fatal(err)
	}
	silent := s.dialTCP(t)
	asked := s.dialTCP(t)
	asked.asksForTLS()
	half := s.dialTCP(t)
	half.asksForTLS()
	half.sendBytes([]byte{tlsHandshake, 3, 1, 0, 200, 1})
	direct := s.dialTCP(t)
	direct.sendBytes([]byte{tlsHandshake, 3, 1})
	encrypted := s.overTLS(t)
	questioned := s.login(t, testUser)
	challenged := s.login(t, testUser)
	challenged.challenge(first(scramPlain, clientFirst))
	for _, c := range []*client{silent, asked, half, direct, encrypted, questioned, challenged} {
		c.expect("EOF")
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// Bytes sent in the clear behind the SSLRequest must not be taken for something
// that came encrypted.
func TestNothingIsSmuggledBeforeTLS(t *testing.T) {
	s := startRemote(t, Options{})
	c := s.dialTCP(t)
	c.sendBytes(slices.Concat(packet(sslRequestCode, ""), packet(3<<16, "user\x00alice\x00\x00")))
	answer := make([]byte, 1)
	if _, err := c.nc.Read(answer); err != nil || answer[0] != 'S' {
		t.Fatalf("answer %q, %v", answer, err)
	}
	if err := c.encrypt(s.authority); err == nil {
		t.Error("the handshake went on over smuggled bytes")
	}
}

func TestRandomBytesOverTCP(t *testing.T) {
	s := startRemote(t, Options{MaxUnauthenticated: 100})
	bystander, err := s.pgx(t, "")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 150 {
		noise := make([]byte, 1+random.IntN(2000))
		for j := range noise {
			noise[j] = byte(random.Uint32())
		}
		c := s.dialTCP(t)
		switch i % 5 {
		case 1: // in the handshake
			c.asksForTLS()
			noise[0] = tlsHandshake
		case 2: // a plausible record, at once
			copy(noise, []byte{tlsHandshake, 3, 1, 1, 0})
		case 3: // instead of a start packet
			c = s.overTLS(t)
		case 4: // instead of a proof
			c = s.login(t, testUser)
			noise = append(binary.BigEndian.AppendUint32([]byte{'p'}, uint32(len(noise)+4)), noise...)
		}
		c.nc.Write(noise) // the server may have hung up already
		c.nc.(interface{ CloseWrite() error }).CloseWrite()
		discard(c.nc, 1<<20)
		c.nc.Close()
	}
	if err := bystander.Ping(t.Context()); err != nil {
		t.Errorf("a bystander: %v", err)
	}
	eventually(t, "all of them end", func() bool { return s.Connections() == 1 })
}

// An encrypted stream that is changed on the way, or cut, ends the connection
// and what it had begun.
func TestDamagedTLS(t *testing.T) {
	s := startRemote(t, Options{})
	s.connect(t).run("CREATE TABLE d (id TEXT PRIMARY KEY)")
	for _, damage := range []string{"changed", "cut"} {
		wire := s.dialTCP(t)
		socket := wire.nc
		wire.asksForTLS()
		if err := wire.encrypt(s.authority); err != nil {
			t.Fatal(err)
		}
		wire.send(startupMessage("user", testUser))
		wire.expect("SASL [SCRAM-SHA-256-PLUS SCRAM-SHA-256]")
		wire.send(final(""))
		if damage == "changed" {
			socket.Write(bytes.Repeat([]byte{0x17, 3, 3, 0, 20}, 10))
		}
		socket.(*net.TCPConn).CloseWrite()
		wire.untilReady()
	}
	eventually(t, "both end", func() bool { return s.Connections() <= 1 })
}

// Strangers cost little: neither what they announce nor their number is paid in
// memory.
func TestStrangersCostNoMemory(t *testing.T) {
	s := startRemote(t, Options{MaxUnauthenticated: 60, MaxConnections: 200})
	before := heap()
	for range 20 {
		s.dialTCP(t).sendBytes([]byte{tlsHandshake, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff})
		s.overTLS(t).sendBytes([]byte("\x00\x00\x27\x10\x00\x03\x00\x00"))
		s.login(t, testUser).sendBytes([]byte{'p', 0, 0, 0x0f, 0xff})
	}
	eventually(t, "all are there", func() bool { return s.Connections() == 60 })
	if grown := heap() - before; grown > 64<<20 {
		t.Errorf("heap grew by %d MB", grown>>20)
	}
}
