package engine

// Guards that nothing else would miss: each test here fails when its guard is
// taken out.

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chaisqld/pgerr"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestOpenRefusesWithoutItsShims(t *testing.T) {
	for name, spoil := range map[string]func() (restore func()){
		"comparer": func() func() {
			mended, plain := chaiComparer, untouched
			chaiComparer = &plain
			return func() { chaiComparer = mended }
		},
		"file system": func() func() {
			shim := vfs.Default
			vfs.Default = fatal.FS
			return func() { vfs.Default = shim }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			restore := spoil()
			e, err := Open(background, Options{Dir: "db"})
			restore()
			if err == nil {
				t.Fatal("it opens", e.Close())
			}
			if !strings.Contains(err.Error(), "must not open a database") {
				t.Error(err)
			}
			if files := listing(t, "."); files != ".\n" {
				t.Errorf("files appeared: %s", files)
			}
		})
	}
}

// brokenFS fails every operation that a disk can fail.
type brokenFS struct{ vfs.FS }

func (brokenFS) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return nil, errBroken }
func (brokenFS) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, errBroken
}
func (brokenFS) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, errBroken
}

// badFile is a file that was opened before its disk broke.
type badFile struct{ brokenFile }

func (badFile) WriteAt([]byte, int64) (int, error) { return 0, errBroken }
func (badFile) Sync() error                        { return errBroken }
func (badFile) SyncTo(int64) (bool, error)         { return false, errBroken }
func (badFile) Close() error                       { return errBroken }

// openFS hands out bad files.
type openFS struct{ vfs.FS }

func (openFS) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return badFile{}, nil }
func (openFS) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return badFile{}, nil
}
func (openFS) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return badFile{}, nil
}

func TestEveryErrorOnVitalFilesIsFatal(t *testing.T) {
	var died []string
	onto := func(below vfs.FS) *fatalFS {
		return &fatalFS{FS: below, exit: func(operation, name string, err error) {
			died = append(died, operation+" "+name)
			if !errors.Is(err, errBroken) {
				t.Errorf("%s %s: the reason given is %v", operation, name, err)
			}
		}}
	}
	opens := map[string]func(fs vfs.FS, name string) (vfs.File, error){
		"create": func(fs vfs.FS, name string) (vfs.File, error) {
			return fs.Create(name, vfs.WriteCategoryUnspecified)
		},
		"open": func(fs vfs.FS, name string) (vfs.File, error) {
			return fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
		},
		"reuse": func(fs vfs.FS, name string) (vfs.File, error) {
			return fs.ReuseForWrite("000001.log", name, vfs.WriteCategoryUnspecified)
		},
	}
	uses := map[string]func(f vfs.File) error{
		"write": func(f vfs.File) error {
			_, err := f.Write(nil)
			_, atErr := f.WriteAt(nil, 0)
			return errors.Join(err, atErr)
		},
		"sync": func(f vfs.File) error {
			_, err := f.SyncTo(1)
			return errors.Join(f.Sync(), f.SyncData(), err)
		},
		"close": func(f vfs.File) error { return f.Close() },
	}
	for _, name := range []string{"000007.log", "MANIFEST-000001", "/data/pebble/MANIFEST-000023", "/data/pebble/marker.manifest.000002.MANIFEST-000023"} {
		for how, open := range opens {
			died = nil
			if _, err := open(onto(brokenFS{}), name); err == nil || fmt.Sprint(died) != fmt.Sprint([]string{how + " " + name}) {
				t.Errorf("%s of %s: %v, died of %q", how, name, err, died)
			}
			for operation, use := range uses {
				died = nil
				f, err := open(onto(openFS{}), name)
				if err != nil {
					t.Fatal(err)
				}
				times := map[string]int{"write": 2, "sync": 3, "close": 1}[operation]
				if err := use(f); err == nil || len(died) != times || died[0] != operation+" "+name || died[times-1] != died[0] {
					t.Errorf("%s of %s after %s: %v, died of %q", operation, name, how, err, died)
				}
			}
		}
	}
}

// Chai's own second run of a statement loses its first predicate.
func TestStatementsAreNotKeptPrepared(t *testing.T) {
	e := sessions(t, Options{})
	for i, token := range []string{"a", "b", "c"} {
		if err := e.Write(background, WriteRequest{Run: insert(token, []byte(token), epoch.Add(time.Duration(i)*time.Hour))}); err != nil {
			t.Fatal(err)
		}
	}
	const find = "SELECT token FROM sessions WHERE token = $1 AND expiry > $2"
	twice := func(r Reader) error {
		for _, test := range []struct {
			token string
			after time.Duration
			want  string
		}{{"b", 0, "[b]"}, {"b", 0, "[b]"}, {"c", time.Hour, "[c]"}, {"a", time.Hour, "[]"}, {"b", time.Minute, "[b]"}} {
			found := []any{}
			if err := r.Query(find, []any{test.token, epoch.Add(test.after)}, func(v []any) error { found = append(found, v[0]); return nil }); err != nil {
				return err
			}
			if fmt.Sprint(found) != test.want {
				t.Errorf("%T: %+v: found %v", r, test, found)
			}
		}
		return nil
	}
	if err := e.Read(background, twice); err != nil {
		t.Error(err)
	}
	err := e.Write(background, WriteRequest{Run: func(w Writer) error {
		if err := twice(w); err != nil {
			return err
		}
		for _, token := range []string{"a", "b"} {
			if err := w.Exec("DELETE FROM sessions WHERE token = $1 AND expiry >= $2", []any{token, epoch}); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		t.Error(err)
	}
	mustCheck(t, e, 1)
}

// brokenTx is a transaction whose commit fails, or panics.
type brokenTx struct {
	driver.Tx
	panics bool
}

func (b *brokenTx) Commit() error {
	if b.panics {
		panic("a bug")
	}
	return errors.New("no commit today")
}

// A commit that failed may be on the disk or not: nobody is told that it is, and nothing follows it.
func TestCommitThatFailsIsFatal(t *testing.T) {
	for _, panics := range []bool{false, true} {
		t.Run(fmt.Sprint("panics ", panics), func(t *testing.T) {
			reasons := make(chan string, 1)
			e := sessions(t, Options{Fatal: func(reason string) { reasons <- reason }})
			breakCommit := func(w Writer) error {
				c := w.(*writeTx).w.conn
				c.tx = &brokenTx{c.tx, panics}
				return insert("a", nil, epoch)(w)
			}
			for i, err := range together(t, e, insert("b", nil, epoch), breakCommit, insert("c", nil, epoch)) {
				if err == nil {
					t.Errorf("member %d was acknowledged", i)
				}
			}
			if reason := <-reasons; !strings.Contains(reason, "commit failed") {
				t.Errorf("reason is %q", reason)
			}
			wantCode(t, e.Write(background, WriteRequest{Run: insert("d", nil, epoch)}), pgerr.InternalError)
			if n := count(t, e); n != 0 {
				t.Errorf("%d rows are visible", n)
			}
		})
		t.Run(fmt.Sprint("lease panics ", panics), func(t *testing.T) {
			reasons := make(chan string, 1)
			e := sessions(t, Options{Fatal: func(reason string) { reasons <- reason }})
			l := lease(t, e)
			err := l.Run(func(w Writer) error {
				c := w.(*writeTx).w.conn
				c.tx = &brokenTx{c.tx, panics}
				return insert("a", nil, epoch)(w)
			})
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, l.Commit(), pgerr.InternalError)
			if reason := <-reasons; !strings.Contains(reason, "commit failed") {
				t.Errorf("reason is %q", reason)
			}
		})
	}
}

const panicking = "DELETE FROM sessions WHERE 1=0" // inside Chai

func TestConnectionIsReplacedAfterAPanic(t *testing.T) {
	e := sessions(t, Options{Readers: 1})
	writing := func() (c *conn) {
		err := e.Write(background, WriteRequest{Run: func(w Writer) error { c = w.(*writeTx).w.conn; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := writing()
	if writing() != before {
		t.Fatal("another connection without a reason")
	}
	wantCode(t, e.Write(background, WriteRequest{Run: func(w Writer) error { return w.Exec(panicking, nil) }}), pgerr.InternalError)
	if writing() == before {
		t.Error("the writer keeps its connection after a panic")
	}
	var broken *conn
	err := e.Read(background, func(r Reader) error {
		broken = r.(*reader).conn
		return r.Query("EXPLAIN SELECT * FROM sessions WHERE missing = 1", nil, func([]any) error { return nil })
	})
	wantCode(t, err, pgerr.InternalError)
	for range 4 {
		err := e.Read(background, func(r Reader) error {
			if r.(*reader).conn == broken {
				t.Error("a reader's connection is used again after a panic")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseIsBoundedWhateverHangs(t *testing.T) {
	const wait = 200 * time.Millisecond
	closes := func(t *testing.T, e *Engine) {
		t.Helper()
		within(t, "close", func() {
			if start := time.Now(); e.Close() == nil {
				t.Errorf("close says after %s that all is well", time.Since(start))
			}
		})
	}
	openFor := func(t *testing.T, dir string) *Engine {
		e, err := Open(background, Options{Dir: dir, CloseWait: wait, HangLimit: patient})
		if err != nil {
			t.Fatal(err)
		}
		createSessions(t, e)
		return e
	}
	t.Run("a connection that was never closed", func(t *testing.T) {
		e := openFor(t, Memory)
		leaked, err := connect(e.connector)
		if err != nil {
			t.Fatal(err)
		}
		closes(t, e)
		if err := leaked.close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a commit that hangs", func(t *testing.T) {
		dir := t.TempDir()
		e := openFor(t, dir)
		syncing, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		defer hookFiles(dir, func(operation, name string) error {
			if operation == "sync" && strings.HasSuffix(name, ".log") {
				once.Do(func() { close(syncing); <-release })
			}
			return nil
		})()
		done := make(chan error, 1)
		go func() { done <- e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}) }()
		<-syncing
		closes(t, e)
		close(release)
		if err := <-done; err != nil {
			t.Errorf("the commit, once the disk was back: %v", err)
		}
		within(t, "the writer's end", func() { <-e.writer.stopped })
		e.watchdog.stop() // or it would see the directory go
	})
}

// A context's own deadline counts, whatever its parent's is.
func TestDeadlineOfAChildContext(t *testing.T) {
	parent, end := context.WithTimeout(background, time.Hour)
	defer end()
	e := sessions(t, Options{Readers: 1, WriterWait: time.Hour, IdleInTransaction: time.Hour, TransactionTime: time.Hour})
	held := lease(t, e)
	defer held.Rollback()
	for name, call := range map[string]func(ctx context.Context) error{
		"write": func(ctx context.Context) error { return e.Write(ctx, WriteRequest{Run: insert("a", nil, epoch)}) },
		"lease": func(ctx context.Context) error { _, err := e.Lease(ctx, nil); return err },
		"read": func(ctx context.Context) error {
			return e.Read(ctx, func(r Reader) error {
				<-ctx.Done()
				return r.Query("SELECT token FROM sessions", nil, func([]any) error { return nil })
			})
		},
	} {
		ctx, cancel := context.WithTimeout(parent, 20*time.Millisecond)
		within(t, name, func() {
			err := call(ctx)
			wantCode(t, err, pgerr.QueryCanceled)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v does not say why", name, err)
			}
		})
		cancel()
	}
	ctx, cancel := context.WithTimeout(parent, 20*time.Millisecond)
	defer cancel()
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	within(t, "open", func() {
		if _, err := Open(ctx, Options{Dir: dir, LockWait: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("open: %v", err)
		}
	})
}

// runtime.Goexit, which a test's FailNow calls, ends a goroutine without a panic.
func TestRequestThatEndsItsGoroutine(t *testing.T) {
	leaving := func(w Writer) error {
		if err := insert("half", nil, epoch)(w); err != nil {
			return err
		}
		return w.Query("SELECT token FROM sessions", nil, func([]any) error { runtime.Goexit(); return nil })
	}
	t.Run("write", func(t *testing.T) {
		reasons := make(chan string, 1)
		e := sessions(t, Options{Fatal: func(reason string) { reasons <- reason }})
		own := errors.New("own")
		errs := together(t, e, func(Writer) error { return own }, insert("a", nil, epoch), leaving, insert("b", nil, epoch))
		if errs[0] != own {
			t.Errorf("got %v, want its own error", errs[0])
		}
		for _, err := range errs[1:] {
			wantCode(t, err, pgerr.InternalError)
		}
		if reason := <-reasons; !strings.Contains(reason, "goroutine") {
			t.Errorf("reason is %q", reason)
		}
		wantCode(t, e.Write(background, WriteRequest{Run: insert("c", nil, epoch)}), pgerr.InternalError)
	})
	t.Run("lease", func(t *testing.T) {
		e := sessions(t, Options{})
		l := lease(t, e)
		var wg sync.WaitGroup
		wg.Go(func() { _ = l.Run(leaving) })
		within(t, "the goroutine's end", wg.Wait)
		wantCode(t, l.Run(insert("a", nil, epoch)), pgerr.InFailedSQLTransaction)
		within(t, "the next write", func() {
			if err := e.Write(background, WriteRequest{Run: insert("b", nil, epoch)}); err != nil {
				t.Error(err)
			}
		})
		mustCheck(t, e, 1)
	})
	t.Run("read", func(t *testing.T) {
		e := sessions(t, Options{Readers: 1})
		if err := e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			var wg sync.WaitGroup
			wg.Go(func() {
				_ = e.Read(background, func(r Reader) error {
					return r.Query("SELECT token FROM sessions", nil, func([]any) error { runtime.Goexit(); return nil })
				})
			})
			within(t, "the goroutine's end", wg.Wait)
		}
		mustCheck(t, e, 1)
	})
}
