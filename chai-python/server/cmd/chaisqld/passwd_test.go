package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chaisqld/wire"
)

func TestPasswd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	set := func(user, password string) {
		t.Helper()
		if code, out := typed(t, password, &passwdFlags{AuthFile: path, Iterations: 4096, User: user}); code != exitOK || strings.Contains(out, password) {
			t.Fatalf("%d %q", code, out)
		}
	}
	read := func() (string, map[string]wire.Verifier) {
		t.Helper()
		text, err := readSecret(path)
		if err != nil {
			t.Fatal(err)
		}
		users, err := wire.ParseVerifiers(string(text))
		if err != nil {
			t.Fatal(err)
		}
		return string(text), users
	}
	set("alice", "first")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new file: %v, %v", info.Mode(), err)
	}
	text, _ := read()
	if err := os.WriteFile(path, []byte("# the team\n"+text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	set("bob", "second\r\n")
	_, before := read()
	set("alice", "third\nand what follows the line is not read\n")
	text, after := read()
	if !strings.HasPrefix(text, "# the team\n") || len(after) != 2 || after["bob"].String() != before["bob"].String() || after["alice"].String() == before["alice"].String() {
		t.Errorf("file is now\n%s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("an old file: %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Of changes at the same time none is lost.
func TestPasswordsSetTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	verifier, err := wire.NewVerifier("x", "0123456789abcdef", 4096)
	if err != nil {
		t.Fatal(err)
	}
	const users = 20
	var all sync.WaitGroup
	for i := range users {
		all.Go(func() {
			if err := changeVerifier(path, fmt.Sprint("user", i), verifier); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if found, err := readVerifiers(path); err != nil || len(found) != users {
		t.Errorf("%d of %d users are there, %v", len(found), users, err)
	}
}

func TestPasswdRefusals(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "users")
	if code, out := typed(t, "x", &passwdFlags{AuthFile: good, Iterations: 4096, User: "u"}); code != exitOK {
		t.Fatal(out)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("u:clear-text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		flags passwdFlags
		input string
		code  int
		want  string
	}{
		"empty":          {passwdFlags{good, 4096, "u"}, "\n", exitUsage, "empty"},
		"nothing":        {passwdFlags{good, 4096, "u"}, "", exitUsage, "empty"},
		"too long":       {passwdFlags{good, 4096, "u"}, strings.Repeat("x", 2000), exitUsage, "1024"},
		"zero byte":      {passwdFlags{good, 4096, "u"}, "a\x00b", exitUsage, "zero byte"},
		"user":           {passwdFlags{good, 4096, "a:b"}, "x", exitUsage, "colon"},
		"few iterations": {passwdFlags{good, 1, "u"}, "x", exitUsage, "4096"},
		"no directory":   {passwdFlags{filepath.Join(dir, "no", "users"), 4096, "u"}, "x", exitCreate, "no/users"},
		"broken file":    {passwdFlags{broken, 4096, "v"}, "x", exitCreate, "line 1"},
		"not a file":     {passwdFlags{dir, 4096, "v"}, "x", exitCreate, "regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := typed(t, test.input, &test.flags)
			if code != test.code || !strings.Contains(out, test.want) || strings.Contains(out, "clear-text") {
				t.Errorf("%d %q", code, out)
			}
		})
	}
	if text, err := os.ReadFile(broken); err != nil || string(text) != "u:clear-text\n" {
		t.Errorf("a file that was refused is now %q, %v", text, err)
	}
}
