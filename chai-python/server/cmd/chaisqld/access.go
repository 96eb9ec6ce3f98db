package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
	"time"

	"chaisqld/wire"
)

// The files that decide who comes in over TCP. They are read before the server
// starts, and again on SIGHUP.

const maxSecretBytes = 1 << 20

// loadAccess reads the certificate, its key, and the users' verifiers.
func (f *remoteFlags) loadAccess(log *slog.Logger) (*wire.Access, error) {
	certificate, err := os.ReadFile(f.TLSCert)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	key, err := readSecret(f.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-key: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s and --tls-key %s: %w", f.TLSCert, f.TLSKey, err)
	}
	users, err := readVerifiers(f.AuthFile)
	if err != nil {
		return nil, err
	}
	secret := sha256.Sum256(key)
	access, err := wire.NewAccess(pair, users, secret[:])
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s, --auth-file %s: %w", f.TLSCert, f.AuthFile, err)
	}
	checkValidity(pair, f.TLSCert, time.Now(), log)
	return access, nil
}

func readVerifiers(path string) (map[string]wire.Verifier, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("--auth-file: %w", err)
	}
	users, err := wire.ParseVerifiers(string(text))
	if err != nil {
		return nil, fmt.Errorf("--auth-file %s: %w", path, err)
	}
	return users, nil
}

// readSecret reads a file that others cannot. Like PostgreSQL, it lets a group
// read what belongs to root, which is how distributions hand out keys.
func readSecret(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkSecret(info); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSecretBytes+1))
	if err == nil && len(text) > maxSecretBytes {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSecretBytes)
	}
	return text, err
}

func checkSecret(info os.FileInfo) error {
	mode, owner := info.Mode(), info.Sys().(*syscall.Stat_t).Uid
	others := os.FileMode(0o077)
	if owner == 0 {
		others = 0o037
	}
	switch {
	case !mode.IsRegular():
		return fmt.Errorf("is not a regular file")
	case owner != 0 && owner != uint32(os.Geteuid()):
		return fmt.Errorf("belongs to user id %d: it must belong to the server's, %d, or to root", owner, os.Geteuid())
	case mode.Perm()&others != 0:
		return fmt.Errorf("has the mode %04o, which lets others in: chmod 0600", mode.Perm())
	}
	return nil
}

// checkValidity warns of what clients are going to refuse.
func checkValidity(pair tls.Certificate, path string, now time.Time, log *slog.Logger) {
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	switch {
	case err != nil:
	case now.After(leaf.NotAfter):
		log.Warn("the certificate has expired: clients that verify it will refuse to connect", "file", path, "expired", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		log.Warn("the certificate is not valid yet", "file", path, "from", leaf.NotBefore)
	case leaf.NotAfter.Sub(now) < 7*24*time.Hour:
		log.Warn("the certificate expires soon: renew it and send SIGHUP", "file", path, "expires", leaf.NotAfter)
	}
}
