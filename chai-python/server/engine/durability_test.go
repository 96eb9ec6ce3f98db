package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// childClients write at once, so that groups form.
const childClients = 8

// childWriter writes until it is killed and prints each token once its write is acknowledged.
func childWriter(dir string) {
	e, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		childFail("open: %v", err)
	}
	err = e.Write(context.Background(), WriteRequest{Schema: true, Run: func(w Writer) error {
		if err := w.Define(sessionsDDL); err != nil {
			return err
		}
		return w.Define(expiryDDL)
	}})
	if err != nil {
		childFail("create: %v", err)
	}
	var wg sync.WaitGroup
	var out sync.Mutex
	run := time.Now().UnixNano()
	for client := range childClients {
		wg.Go(func() {
			for i := 0; ; i++ {
				token := fmt.Sprintf("%d-%d-%d", run, client, i)
				if err := e.Write(context.Background(), WriteRequest{Bytes: 300, Run: upsert(token, i)}); err != nil {
					childFail("write: %v", err)
				}
				out.Lock()
				fmt.Println("acknowledged", token)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

// upsert touches an older row as well, so that updates and deletes are in the log.
func upsert(token string, i int) func(Writer) error {
	return func(w Writer) error {
		if err := insert(token, make([]byte, 200), epoch.Add(time.Duration(i)*time.Second))(w); err != nil {
			return err
		}
		if err := w.Exec("DELETE FROM sessions WHERE token = $1", []any{"again"}); err != nil {
			return err
		}
		return insert("again", []byte(token), epoch.Add(time.Duration(i)*time.Hour/1000))(w)
	}
}

// childIOError fails the log after some writes, as a full or broken disk does.
func childIOError(dir string) {
	var syncs atomic.Int64
	hookFiles(dir, func(operation, name string) error {
		if operation == "sync" && strings.HasSuffix(name, ".log") && syncs.Add(1) > 50 {
			return syscall.EIO
		}
		return nil
	})
	childWriter(dir)
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	all := map[string]bool{}
	for round := range 3 {
		cmd := child(t, "writer", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		tokens := acknowledged(out, func(n int) bool { return n >= 200 })
		_ = cmd.Process.Kill()
		tokens = append(tokens, acknowledged(out, func(int) bool { return false })...) // printed before it died
		_ = cmd.Wait()
		for _, token := range tokens {
			all[token] = true
		}
		if len(tokens) < 200 {
			t.Fatalf("round %d: the child ended after %d commits", round, len(tokens))
		}
		mustHold(t, dir, all)
	}
}

func TestIOErrorEndsTheProcessAndLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "ioerror", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, token := range acknowledged(out, func(int) bool { return false }) {
		all[token] = true
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != ExitFatal {
		t.Fatalf("the process ended with %v, want exit status %d", err, ExitFatal)
	}
	if len(all) == 0 {
		t.Fatal("nothing was acknowledged before the disk failed")
	}
	mustHold(t, dir, all)
}

// mustHold opens a directory after its process died: every acknowledged row is
// there, and every index agrees with its table.
func mustHold(t *testing.T, dir string, acknowledged map[string]bool) {
	t.Helper()
	e, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	missing, rows := maps.Clone(acknowledged), int64(0)
	err = e.Read(context.Background(), func(r Reader) error {
		return r.Query("SELECT token FROM sessions", nil, func(v []any) error {
			rows++
			delete(missing, v[0].(string))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for token := range missing {
		t.Fatalf("%d acknowledged commits are lost, %s for one", len(missing), token)
	}
	mustCheck(t, e, rows)
}
