package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"chaisqld/wire"

	"golang.org/x/term"
)

// passwdFlags are those of the command that writes --auth-file.
type passwdFlags struct {
	AuthFile   string `required:"" placeholder:"FILE" help:"File of users and their verifiers, made when it is missing."`
	Iterations int    `default:"4096" help:"Work that checking a password costs a client at every connection; at least ${default}."`
	User       string `arg:"" help:"Whose password to set."`
}

const (
	saltBytes        = 16
	maxPasswordBytes = 1024
)

// passwd sets a user's password, read from the terminal or as a line from a pipe.
func passwd(f *passwdFlags, stdin *os.File, stderr io.Writer) error {
	if err := wire.CheckUserName(f.User); err != nil {
		return usageError{err}
	}
	password, err := readPassword(stdin, stderr)
	switch {
	case errors.Is(err, errInterrupted):
		return err
	case err != nil:
		return usageError{err}
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	verifier, err := wire.NewVerifier(password, string(salt), f.Iterations)
	if err != nil {
		return usageError{err}
	}
	if err := changeVerifier(f.AuthFile, f.User, verifier); err != nil {
		return fmt.Errorf("%w: %w", errAuthFile, err)
	}
	fmt.Fprintf(stderr, "chaisqld: the password of %q is set; running servers take it after SIGHUP\n", f.User)
	return nil
}

func readPassword(stdin *os.File, stderr io.Writer) (string, error) {
	read := func() (string, error) { return readLine(stdin) }
	if fd := int(stdin.Fd()); term.IsTerminal(fd) {
		read = func() (string, error) { return askTwice(fd, stderr) }
	}
	password, err := read()
	switch {
	case err != nil:
		return "", err
	case password == "":
		return "", errors.New("the password is empty")
	case len(password) > maxPasswordBytes || strings.ContainsRune(password, 0):
		return "", fmt.Errorf("the password has %d bytes or a zero byte; at most %d are possible", len(password), maxPasswordBytes)
	}
	return password, nil
}

func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPasswordBytes+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("cannot read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
