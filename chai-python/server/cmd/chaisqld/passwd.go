package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

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
	if err != nil {
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

var errAuthFile = errors.New("cannot change the file of users")

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

func askTwice(fd int, stderr io.Writer) (string, error) {
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		fmt.Fprint(stderr, prompt)
		raw, err := term.ReadPassword(fd)
		fmt.Fprintln(stderr)
		if err != nil {
			return "", fmt.Errorf("cannot read the password: %w", err)
		}
		typed[i] = string(raw)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ")
	}
	return typed[0], nil
}

// changeVerifier replaces the user's line, or adds one, in one step: a server
// that rereads the file finds the old one or the new one.
func changeVerifier(path, user string, v wire.Verifier) error {
	old, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replaceFile(path, nil, user+":"+v.String()+"\n")
	case err != nil:
		return err
	}
	defer old.Close()
	info, err := old.Stat()
	if err != nil {
		return err
	}
	text, err := readSecret(path)
	if err != nil {
		return err
	}
	if _, err := wire.ParseVerifiers(string(text)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return replaceFile(path, info, withLine(string(text), user, v.String()))
}

// withLine keeps everybody else's lines, and comments, as they are.
func withLine(text, user, verifier string) string {
	var b strings.Builder
	found := false
	for line := range strings.Lines(text) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), ":"); name == user {
			line, found = user+":"+verifier+"\n", true
		}
		b.WriteString(strings.TrimRight(line, "\r\n") + "\n")
	}
	if !found {
		b.WriteString(user + ":" + verifier + "\n")
	}
	return b.String()
}

// replaceFile writes beside path and renames. The new file belongs to whom the
// old one did: root may set passwords for a server that is not root's.
func replaceFile(path string, old os.FileInfo, text string) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		file.Close()
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	if old != nil {
		owner := old.Sys().(*syscall.Stat_t)
		if err := errors.Join(file.Chown(int(owner.Uid), int(owner.Gid)), file.Chmod(old.Mode().Perm())); err != nil {
			return err
		}
	}
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
