package gate_test

import (
	"context"
	"testing"

	"chaisqld/engine"
	"chaisqld/gate"
)

const benchFind = `SELECT data, expiry FROM sessions WHERE token = $1 AND expiry > now()`

func BenchmarkPrepareCached(b *testing.B) {
	d := openMemory(b)
	d.createSessions()
	c := d.engine.Catalogue()
	for b.Loop() {
		if _, err := d.gate.Prepare(benchFind, nil, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	d := openMemory(b)
	d.createSessions()
	d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('t', 'x', $1)`, after(5))
	p, err := d.gate.Prepare(benchFind, nil, d.engine.Catalogue())
	if err != nil {
		b.Fatal(err)
	}
	args := []any{"t"}
	b.ReportAllocs()
	err = d.engine.Read(context.Background(), func(r engine.Reader) error {
		for b.Loop() {
			if _, err := p.Run(r, args, testNow, new(gate.Meter)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFindSentence is what Chai alone takes for the sentence that BenchmarkFind becomes.
func BenchmarkFindSentence(b *testing.B) {
	d := openMemory(b)
	d.createSessions()
	d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('t', 'x', $1)`, after(5))
	args := []any{"t"}
	b.ReportAllocs()
	err := d.engine.Read(context.Background(), func(r engine.Reader) error {
		for b.Loop() {
			err := r.Query(`SELECT "token", "data", "expiry" FROM "sessions" WHERE "token" = $1`, args, func([]any) error { return nil })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
