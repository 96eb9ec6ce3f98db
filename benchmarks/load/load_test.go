package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRequestIsBindExecuteSync(t *testing.T) {
	r := newRequest("save", []int{3, 8})
	copy(r.params[0], "abc")
	binary.BigEndian.PutUint64(r.params[1], 7)
	want := "B\x00\x00\x00\x27\x00save\x00" + // an unnamed portal of the statement
		"\x00\x01\x00\x01" + "\x00\x02" + "\x00\x00\x00\x03abc" + "\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x00\x01\x00\x01" +
		"E\x00\x00\x00\x09\x00\x00\x00\x00\x00" + "S\x00\x00\x00\x04"
	if !bytes.Equal(r.bytes, []byte(want)) {
		t.Errorf("got  %q\nwant %q", r.bytes, want)
	}
	if !strings.HasSuffix(want, string(syncMessage())) || len(r.unsynced()) != len(want)-5 {
		t.Error("unsynced does not just leave the Sync out")
	}
}

func TestReplyIsReadUpToReadyForQuery(t *testing.T) {
	whole := message(nil, '2')
	whole = message(whole, 'D', int16s(1), []byte{0, 0, 0, 2}, []byte("hi"))
	whole = message(whole, 'C', text("SELECT 1"))
	whole = message(whole, 'Z', []byte("I"))
	for n := range whole {
		if complete, _ := new(reply).scan(whole[:n]); complete {
			t.Fatalf("%d of %d bytes are taken for a whole reply", n, len(whole))
		}
	}
	var rows [][]byte
	r := reply{each: func(row []byte) { rows = append(rows, row) }}
	complete, rest := r.scan(append(whole, "next"...))
	if !complete || string(rest) != "next" || string(r.tag) != "SELECT 1" || r.err != nil {
		t.Errorf("complete %v, rest %q, tag %q, error %v", complete, rest, r.tag, r.err)
	}
	if len(rows) != 1 || string(cells(rows[0])[0]) != "hi" {
		t.Errorf("rows are %q", rows)
	}
}

func TestErrorResponseIsTold(t *testing.T) {
	var r reply
	b := message(nil, 'E', text("SERROR"), text("C42P01"), text("Mno such table"), []byte{0})
	r.scan(message(b, 'Z', []byte("I")))
	if r.err == nil || r.err.Error() != "42P01 no such table" {
		t.Errorf("error is %v", r.err)
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	samples := make([]int64, 100)
	for i := range samples {
		samples[i] = int64(100-i) * 1000
	}
	got := newLatency(samples)
	if want := (latency{P50: 50, P90: 90, P99: 99, Max: 100, Mean: 50.5}); *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	if one := newLatency([]int64{3000}); one.P50 != 3 || one.P99 != 3 {
		t.Errorf("of one sample: %+v", *one)
	}
}

func TestRecorderKeepsTheMeasuredTime(t *testing.T) {
	zero := time.Now()
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	var r recorder
	r.plan(zero, 100*time.Millisecond, time.Second, 0)
	for _, step := range []struct {
		sent, done int
		over       bool
	}{
		{50, 90, false}, {90, 150, false}, // begun in the warm-up
		{150, 160, false}, {1000, 1090, false},
		{1090, 1110, true},
	} {
		if over := r.add(at(step.sent), at(step.done), true, nil); over != step.over {
			t.Errorf("after %d ms over is %v", step.done, over)
		}
	}
	out := r.report("save", 1)
	if out.Operations != 2 || out.Seconds != 0.94 || out.Latency.Max != 90_000 {
		t.Errorf("report is %+v, latency %+v", out, out.Latency)
	}
}

func TestExpiriesAreAllDifferent(t *testing.T) {
	var c clock
	now := time.Now()
	if a, b := c.expiry(now), c.expiry(now); b != a+1 {
		t.Errorf("%d is followed by %d", a, b)
	}
}

func TestProcessorTimeOfAProcessTree(t *testing.T) {
	p, ok := parseStat("12 (a (strange) name) S 7 12 12 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 100 200 300")
	if !ok || p.parent != 7 || p.ticks != 100 {
		t.Errorf("got %+v, %v", p, ok)
	}
	all := map[int]process{1: {parent: 0}, 7: {parent: 1}, 12: p}
	if !descends(all, 12, 7) || !descends(all, 7, 7) || descends(all, 7, 12) {
		t.Error("12 comes from 7, not the other way round")
	}
	before := serverCPU(os.Getpid())
	for start := time.Now(); time.Since(start) < 10*time.Second; {
		if serverCPU(os.Getpid()) > before {
			return
		}
	}
	t.Error("ten seconds of work are not seen in /proc")
}

func TestFloorMeasuresADurableEcho(t *testing.T) {
	dir := t.TempDir()
	x := exchange{socket: filepath.Join(dir, "s"), request: 600, reply: 25, file: filepath.Join(dir, "log"), bytes: 512}
	f, err := os.Create(x.file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	listener, err := net.Listen("unix", x.socket)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- serve(listener, &x, appender(f, x.bytes)) }()
	var out bytes.Buffer
	args := []string{"floor", "-socket", x.socket, "-request", "600", "-reply", "25", "-seconds", "0.1", "-warmup", "0"}
	if err := dispatch(args, &out); err != nil {
		t.Fatal(err)
	}
	listener.Close()
	<-served
	info, err := os.Stat(x.file)
	if err != nil || info.Size() == 0 || info.Size()%512 != 0 {
		t.Errorf("the log has %v, error %v", info.Size(), err)
	}
	if !strings.Contains(out.String(), `"mode":"floor"`) {
		t.Errorf("printed %s", out.String())
	}
}
