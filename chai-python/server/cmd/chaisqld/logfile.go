package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// logBytes is how long a log may grow; with the one before it takes twice that.
const logBytes = 1 << 20

// logFile is standard error where that is a file which nobody else turns: a
// server that was started on demand may run for months.
type logFile struct {
	file  *os.File
	path  string
	limit int64
	size  int64
}

// openLogFile takes the file as it is; an empty path leaves stderr alone.
func openLogFile(stderr io.Writer, path string) (io.Writer, error) {
	if path == "" {
		return stderr, nil
	}
	file, ok := stderr.(*os.File)
	if !ok {
		return nil, fmt.Errorf("--log-file %s: standard error is no file", path)
	}
	opened, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("--log-file %s: %w", path, err)
	}
	if named, err := os.Lstat(path); err != nil || !os.SameFile(opened, named) {
		return nil, fmt.Errorf("--log-file %s is not where standard error goes", path)
	}
	return &logFile{file: file, path: path, limit: logBytes, size: opened.Size()}, nil
}

// Write is called for one record at a time.
func (l *logFile) Write(record []byte) (int, error) {
	if l.size > 0 && l.size+int64(len(record)) > l.limit {
		l.size = 0 // also after an error: the next look is a limit away
		if err := l.turn(); err != nil {
			fmt.Fprintf(l.file, "cannot turn the log: %v\n", err)
		}
	}
	n, err := l.file.Write(record)
	l.size += int64(n)
	return n, err
}

// turn puts a new file in the place of the full one, under the same descriptor,
// because that is where a panic is written.
func (l *logFile) turn() error {
	if err := os.Rename(l.path, l.path+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer fresh.Close()
	return unix.Dup2(int(fresh.Fd()), int(l.file.Fd()))
}
