package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openTestLog(t *testing.T, limit int64) (*logFile, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	w, err := openLogFile(file, path)
	if err != nil {
		t.Fatal(err)
	}
	l := w.(*logFile)
	l.limit = limit
	return l, path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLogStaysSmall(t *testing.T) {
	l, path := openTestLog(t, 100)
	for i := range 1000 {
		fmt.Fprintf(l, "line %d\n", i)
	}
	fmt.Fprintln(l.file, "a panic") // it goes where the log goes
	now, before := readFile(t, path), readFile(t, path+".1")
	if !strings.HasSuffix(now, "line 999\na panic\n") || len(now) > 120 || len(before) > 100 || !strings.HasSuffix(before, "\n") {
		t.Errorf("%q after %q", now, before)
	}
	if all, err := filepath.Glob(path + "*"); err != nil || len(all) != 2 {
		t.Errorf("%q, %v", all, err)
	}
}

func TestLogGoesOnWhereItCannotBeTurned(t *testing.T) {
	l, path := openTestLog(t, 20)
	if err := os.MkdirAll(filepath.Join(path+".1", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(l, "first line")
	fmt.Fprintln(l, "second line")
	text := readFile(t, path)
	if !strings.HasPrefix(text, "first line\ncannot turn the log: ") || !strings.HasSuffix(text, "\nsecond line\n") {
		t.Errorf("%q", text)
	}
}

func TestLogFileThatIsNotStandardError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openLogFile(os.Stderr, path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("another file: %v", err)
	}
	if _, err := openLogFile(&bytes.Buffer{}, path); err == nil {
		t.Error("no file at all")
	}
	if w, err := openLogFile(os.Stderr, ""); err != nil || w != os.Stderr {
		t.Errorf("none: %v", err)
	}
}
