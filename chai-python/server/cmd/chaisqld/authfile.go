package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"chaisqld/wire"

	"golang.org/x/sys/unix"
)

// The file of users, changed by one process at a time and in one step: a server
// that rereads it finds what was there before or what is there after.

var errAuthFile = errors.New("cannot change the file of users")

// changeVerifier replaces the user's line, or adds one.
func changeVerifier(path, user string, v wire.Verifier) error {
	file, err := lockUsers(path)
	if err != nil {
		return err
	}
	defer file.Close() // and frees the lock
	text, err := readSecret(path)
	if err != nil {
		return err
	}
	if _, err := wire.ParseVerifiers(string(text)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return replaceFile(path, info, withLine(string(text), user, v.String()))
}

// lockUsers locks the file that has that name, an empty one when there was none.
// One that was replaced while we waited is not the one any more.
func lockUsers(path string) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		}
		if err != nil {
			return nil, err
		}
		is, err := lockedAs(file, path)
		if is {
			return file, nil
		}
		file.Close()
		if err != nil {
			return nil, err
		}
	}
}

// lockedAs locks the file and tells whether it still has that name.
func lockedAs(file *os.File, path string) (bool, error) {
	if err := flock(file); err != nil {
		return false, err
	}
	locked, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(locked, named), err
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
	owner := old.Sys().(*syscall.Stat_t)
	if err := errors.Join(file.Chown(int(owner.Uid), int(owner.Gid)), file.Chmod(old.Mode().Perm())); err != nil {
		return err
	}
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
