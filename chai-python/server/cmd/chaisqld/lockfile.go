package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A lock file lets one process at a time change what lies beside it. It is
// never removed: who waited for it would hold a file that nobody else sees.

const (
	lockWait  = 5 * time.Second
	lockRetry = 10 * time.Millisecond
)

// lockFile takes the lock, which ends with the file's Close or the process.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// flock waits for the lock on an open file, which ends with its Close.
func flock(file *os.File) error {
	for end := time.Now().Add(lockWait); ; time.Sleep(lockRetry) {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			return fmt.Errorf("lock %s: %w", file.Name(), err)
		}
	}
}
