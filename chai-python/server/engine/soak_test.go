package engine

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// TestSoak is what sessions do to a database, against a model: inserts,
// updates, counts and expiry sweeps, with read transactions held open across
// them; then a restart and an audit. CHAISQLD_SOAK=5m makes it long.
func TestSoak(t *testing.T) {
	length := 500 * time.Millisecond
	if text := os.Getenv("CHAISQLD_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir})
	ctx, cancel := context.WithTimeout(background, length)
	defer cancel()
	s := &soak{t: t, e: e, ctx: ctx, started: time.Now(), models: make([]map[string]soaked, 8)}
	s.run()
	mustCheck(t, e, count(t, e))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s.e = open(t, Options{Dir: dir})
	mustCheck(t, s.e, count(t, s.e))
	s.verify()
}

type soak struct {
	t       *testing.T
	e       *Engine
	ctx     context.Context
	started time.Time
	models  []map[string]soaked // what each client knows of its own rows
}

type soaked struct {
	data   []byte
	expiry time.Time
}

// now runs a hundred times faster than the clock, so that rows expire in a short test as well.
func (s *soak) now() time.Time {
	return epoch.Add(100 * time.Since(s.started)).Truncate(time.Microsecond)
}

func (s *soak) run() {
	var wg sync.WaitGroup
	for i := range s.models {
		s.models[i] = make(map[string]soaked)
		wg.Go(func() { s.client(i) })
	}
	for range 3 {
		wg.Go(s.holder)
	}
	wg.Go(s.sweeper)
	wg.Wait()
}

func (s *soak) client(id int) {
	r, model := rand.New(rand.NewPCG(1, uint64(id))), s.models[id]
	var tokens []string
	for n := 0; s.ctx.Err() == nil; n++ {
		value := soaked{bytes.Repeat([]byte{byte(n)}, 50+r.IntN(500)), s.now().Add(time.Duration(r.IntN(60_000)) * time.Millisecond).Add(time.Hour * time.Duration(r.IntN(3)/2))}
		if len(tokens) < 20 || r.IntN(4) == 0 {
			token := fmt.Sprintf("%d-%d-%d", r.Uint32(), id, n)
			if err := s.e.Write(background, WriteRequest{Bytes: 600, Run: insert(token, value.data, value.expiry)}); err != nil {
				s.t.Error(err)
				return
			}
			tokens, model[token] = append(tokens, token), value
			continue
		}
		s.update(model, tokens[r.IntN(len(tokens))], value)
	}
}

// update writes only where the row is still there, as a session does.
func (s *soak) update(model map[string]soaked, token string, value soaked) {
	found := false
	err := s.e.Write(background, WriteRequest{Bytes: 600, Run: func(w Writer) error {
		found = false
		err := w.Query("SELECT token FROM sessions WHERE token = $1", []any{token}, func([]any) error { found = true; return nil })
		if err != nil || !found {
			return err
		}
		return w.Exec("UPDATE sessions SET data = $1, expiry = $2 WHERE token = $3", []any{value.data, value.expiry, token})
	}})
	if err != nil {
		s.t.Error(err)
		return
	}
	if found {
		model[token] = value
	} else if old, ok := model[token]; ok && old.expiry.After(s.now()) {
		s.t.Errorf("row %s is gone before its time", token)
	} else {
		delete(model, token)
	}
}

// holder keeps a read transaction open across the others' work; it must always see the same.
func (s *soak) holder() {
	for s.ctx.Err() == nil {
		snapshot, err := s.e.Snapshot(background)
		if err != nil {
			s.t.Error(err)
			return
		}
		first := -1
		for range 5 {
			n := 0
			err := snapshot.Run(func(r Reader) error {
				return r.Query("SELECT token FROM sessions", nil, func([]any) error { n++; return nil })
			})
			if err != nil || first >= 0 && n != first {
				s.t.Errorf("a held snapshot saw %d rows, then %d, error %v", first, n, err)
			}
			first = n
			select {
			case <-s.ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		snapshot.Close()
	}
}

func (s *soak) sweeper() {
	for s.ctx.Err() == nil {
		err := s.e.Write(background, WriteRequest{Run: func(w Writer) error {
			return w.Exec("DELETE FROM sessions WHERE expiry < $1 LIMIT 100", []any{s.now()})
		}})
		if err != nil {
			s.t.Error(err)
			return
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// verify compares what is in the database with what the clients know.
func (s *soak) verify() {
	found := make(map[string]soaked)
	err := s.e.Read(background, func(r Reader) error {
		return r.Query("SELECT token, data, expiry FROM sessions", nil, func(v []any) error {
			found[v[0].(string)] = soaked{v[1].([]byte), v[2].(time.Time)}
			return nil
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	swept := s.now()
	for _, model := range s.models {
		for token, want := range model {
			got, ok := found[token]
			if !ok && want.expiry.After(swept) {
				s.t.Errorf("row %s is lost", token)
			}
			if ok && (!bytes.Equal(got.data, want.data) || !got.expiry.Equal(want.expiry)) {
				s.t.Errorf("row %s has other values", token)
			}
			delete(found, token)
		}
	}
	for token := range found {
		s.t.Errorf("row %s came from nowhere", token)
	}
}
