package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xdg-go/scram"
)

// Verifier is what the server knows of a password: enough to recognize it, not
// enough to log in with. It is written as PostgreSQL does in pg_authid, so that
// one can be taken from there:
//
//	SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
type Verifier struct{ credentials scram.StoredCredentials }

// Bounds of what is taken for a verifier.
const (
	verifierPrefix = "SCRAM-SHA-256$"
	minIterations  = 4096 // RFC 7677
	maxIterations  = 10_000_000
	minSaltBytes   = 8
	maxSaltBytes   = 64
	maxUserBytes   = 63
)

// NewVerifier derives a verifier. A password that SASLprep refuses is taken as
// it is, which is what PostgreSQL and its clients do.
func NewVerifier(password, salt string, iterations int) (Verifier, error) {
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		client, err = scram.SHA256.NewClientUnprepped("", password, "")
	}
	if err != nil {
		return Verifier{}, err
	}
	credentials, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: salt, Iters: iterations})
	v := Verifier{credentials}
	if err != nil {
		return v, err
	}
	return v, v.check()
}

func (v Verifier) String() string {
	c := v.credentials
	return fmt.Sprintf("%s%d:%s$%s:%s", verifierPrefix, c.Iters, encode64(c.Salt), encode64(string(c.StoredKey)), encode64(string(c.ServerKey)))
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// ParseVerifier reads one. Its errors hold nothing of the text.
func ParseVerifier(text string) (Verifier, error) {
	rest, ok := strings.CutPrefix(text, verifierPrefix)
	factors, keys, okKeys := strings.Cut(rest, "$")
	iterations, salt, okSalt := strings.Cut(factors, ":")
	storedKey, serverKey, okKey := strings.Cut(keys, ":")
	if !(ok && okKeys && okSalt && okKey) {
		return Verifier{}, fmt.Errorf("a verifier has the form %s<iterations>:<salt>$<StoredKey>:<ServerKey>", verifierPrefix)
	}
	var v Verifier
	n, err := strconv.Atoi(iterations)
	if err != nil {
		return v, fmt.Errorf("the number of iterations is not a number")
	}
	v.credentials.Iters = n
	for _, field := range []struct {
		name, text string
		set        func([]byte)
	}{
		{"salt", salt, func(b []byte) { v.credentials.Salt = string(b) }},
		{"StoredKey", storedKey, func(b []byte) { v.credentials.StoredKey = b }},
		{"ServerKey", serverKey, func(b []byte) { v.credentials.ServerKey = b }},
	} {
		raw, err := base64.StdEncoding.Strict().DecodeString(field.text)
		if err != nil {
			return v, fmt.Errorf("the %s is not base64", field.name)
		}
		field.set(raw)
	}
	return v, v.check()
}

func (v Verifier) check() error {
	c := v.credentials
	switch {
	case c.Iters < minIterations || c.Iters > maxIterations:
		return fmt.Errorf("%d iterations, must be %d to %d", c.Iters, minIterations, maxIterations)
	case len(c.Salt) < minSaltBytes || len(c.Salt) > maxSaltBytes:
		return fmt.Errorf("the salt has %d bytes, must have %d to %d", len(c.Salt), minSaltBytes, maxSaltBytes)
	case len(c.StoredKey) != sha256.Size || len(c.ServerKey) != sha256.Size:
		return fmt.Errorf("a key does not have %d bytes", sha256.Size)
	}
	return nil
}

// ParseVerifiers reads lines of "user:verifier"; empty ones and comments that
// begin with # are skipped. Its errors name the line and hold nothing of it.
func ParseVerifiers(text string) (map[string]Verifier, error) {
	users := map[string]Verifier{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		user, verifier, _ := strings.Cut(line, ":")
		if err := CheckUserName(user); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if _, twice := users[user]; twice {
			return nil, fmt.Errorf("line %d: the same user again", number)
		}
		v, err := ParseVerifier(verifier)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		users[user] = v
	}
	return users, nil
}

// CheckUserName says whether a name can stand in front of a verifier.
func CheckUserName(name string) error {
	switch {
	case name == "" || len(name) > maxUserBytes:
		return fmt.Errorf("the user's name has %d bytes, must have 1 to %d", len(name), maxUserBytes)
	case name[0] == '#' || !utf8.ValidString(name) || strings.ContainsFunc(name, isSeparator):
		return fmt.Errorf("the user's name begins with #, or has a colon, a space or a control character in it")
	}
	return nil
}

func isSeparator(r rune) bool { return r == ':' || r <= ' ' || r == 0x7f }
