package hazards

// What holds: these are no hazards, and what the server rests on.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func init() { programs["writer"] = writerProgram }

// writerProgram commits until it is killed, and says what was acknowledged.
func writerProgram(t testing.TB, dir string) {
	db := reopen(t, dir)
	run(t, db, strings.ReplaceAll(strings.ReplaceAll(sessions, "TABLE", "TABLE IF NOT EXISTS"), "INDEX", "INDEX IF NOT EXISTS"))
	start := time.Now().UnixNano()
	for i := 0; ; i++ {
		token := fmt.Sprintf("%d-%d", start, i)
		tx := begin(t, db)
		insert(t, tx, token, hours(i))
		run(t, tx, "UPDATE sessions SET expiry = $1 WHERE token = $2", hours(-i), token)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		fmt.Println(token)
	}
}

// killed starts the writer, kills it at some moment, and returns what it printed.
func killed(t *testing.T, dir string) (tokens []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), programVar+"=writer", directoryVar+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	stop := 1 + rand.IntN(300)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF { // a line that was cut short is no acknowledgement
			break
		}
		tokens = append(tokens, strings.TrimSpace(line))
		if len(tokens) == stop {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	return tokens
}

func TestKilledProcessesLoseNothing(t *testing.T) {
	rounds := 3
	if os.Getenv("CHAI_HAZARDS") == "all" {
		rounds = 60
	}
	dir, acknowledged := directory(t), 0
	for range rounds {
		tokens := killed(t, dir)
		acknowledged += len(tokens)
		db := reopen(t, dir)
		for _, token := range tokens {
			want(t, query(t, db, "SELECT token FROM sessions WHERE token = $1", token), token)
		}
		want(t, query(t, db, "SELECT COUNT(*) FROM sessions WHERE expiry > $1", hours(-1e6)), query(t, db, "SELECT COUNT(*) FROM sessions"))
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d acknowledged commits, none lost", rounds, acknowledged)
}

func BenchmarkInsertThousandPerCommit(b *testing.B) {
	db := open(b, b.TempDir())
	b.ResetTimer()
	for done := 0; done < b.N; done += 1000 {
		tx := begin(b, db)
		for i := range 1000 {
			run(b, tx, "INSERT INTO sessions VALUES ($1, $2, $3)", fmt.Sprintf("%043d", done+i), make([]byte, 300), hours(done+i))
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommitOneUpdate(b *testing.B) {
	db := open(b, b.TempDir())
	insert(b, db, "a", noon)
	for i := 0; b.Loop(); i++ {
		run(b, db, "UPDATE sessions SET expiry = $1 WHERE token = 'a'", hours(i))
	}
}

func BenchmarkFindByKey(b *testing.B) {
	db := open(b, b.TempDir())
	for i := range 1000 {
		insert(b, db, fmt.Sprintf("%043d", i), hours(i))
	}
	for i := 0; b.Loop(); i++ {
		query(b, db, "SELECT data FROM sessions WHERE token = $1", fmt.Sprintf("%043d", i%1000))
	}
}
