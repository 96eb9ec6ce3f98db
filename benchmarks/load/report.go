package main

import (
	"math"
	"slices"
	"time"
)

// report is what a run prints. Latencies are as the client sees them, from before the write to after the read.
type report struct {
	Mode       string   `json:"mode"`
	Clients    int      `json:"clients"`
	Seconds    float64  `json:"seconds"`
	Operations int      `json:"operations"`
	PerSecond  float64  `json:"per_second"`
	Latency    *latency `json:"latency_us"`
	Saves      *latency `json:"save_latency_us,omitempty"` // in mode mixed
	Finds      *latency `json:"find_latency_us,omitempty"` // in mode mixed
	Errors     int      `json:"errors"`
	FirstError string   `json:"first_error,omitempty"`
	DriverCPU  usage    `json:"driver_cpu"`
	ServerCPU  *usage   `json:"server_cpu,omitempty"`
	Request    int      `json:"request_bytes"`
	Reply      int      `json:"reply_bytes"`
}

// latency has microseconds.
type latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
}

// usage is processor time. A large share for the driver means that it was measured as well.
type usage struct {
	Share        float64 `json:"share_of_one_core"`
	PerOperation float64 `json:"us_per_operation"`
}

func newUsage(used, took time.Duration, operations int) usage {
	return usage{round(used.Seconds()/took.Seconds(), 3), round(used.Seconds()*1e6/float64(operations), 2)}
}

func newLatency(samples []int64) *latency {
	if len(samples) == 0 {
		return &latency{}
	}
	slices.Sort(samples)
	total := 0.0
	for _, s := range samples {
		total += float64(s)
	}
	return &latency{
		P50: percentile(samples, 50), P90: percentile(samples, 90), P99: percentile(samples, 99),
		Max: percentile(samples, 100), Mean: tenths(total / float64(len(samples)) / 1000),
	}
}

// percentile is the nearest rank of sorted nanoseconds, in microseconds.
func percentile(sorted []int64, p int) float64 {
	rank := (len(sorted)*p + 99) / 100
	return tenths(float64(sorted[max(rank, 1)-1]) / 1000)
}

func tenths(f float64) float64 { return math.Round(f*10) / 10 }

// recorder keeps what falls into the measured time: operations that began after the warm-up and ended before the end.
type recorder struct {
	begin, end time.Time
	limit      int // operations; 0: no limit
	started    bool
	last       time.Time
	serverPID  int           // 0: unknown
	driver     time.Duration // processor time when it started, and of the server
	server     time.Duration
	samples    [2][]int64 // nanoseconds; reads and writes
	errors     int
	first      error
}

// maxSamples is room for more operations than a run can have; beyond it the slices grow.
const maxSamples = 1 << 21

func (r *recorder) plan(now time.Time, warmup, measured time.Duration, limit int) {
	r.begin = now.Add(warmup)
	r.end, r.limit = r.begin.Add(measured), limit
	r.samples = [2][]int64{make([]int64, 0, maxSamples), make([]int64, 0, maxSamples)}
}

// add notes an operation; over says that the run has ended.
func (r *recorder) add(sent, now time.Time, writes bool, failure error) (over bool) {
	if sent.Before(r.begin) {
		return false
	}
	if !r.started {
		r.started, r.begin = true, sent
		r.driver, r.server = processCPU(), serverCPU(r.serverPID)
	}
	if r.over(now) {
		return true
	}
	r.last = now
	switch {
	case failure != nil:
		r.errors++
		if r.first == nil {
			r.first = failure
		}
	case writes:
		r.samples[1] = append(r.samples[1], int64(now.Sub(sent)))
	default:
		r.samples[0] = append(r.samples[0], int64(now.Sub(sent)))
	}
	return r.over(now)
}

func (r *recorder) over(now time.Time) bool {
	if r.limit > 0 {
		return r.count()+r.errors >= r.limit
	}
	return now.After(r.end)
}

func (r *recorder) count() int { return len(r.samples[0]) + len(r.samples[1]) }

func (r *recorder) report(mode string, clients int) *report {
	driver, server := processCPU()-r.driver, serverCPU(r.serverPID)-r.server
	took, n := r.last.Sub(r.begin), r.count()
	out := &report{Mode: mode, Clients: clients, Seconds: round(took.Seconds(), 3), Operations: n, Errors: r.errors}
	if r.first != nil {
		out.FirstError = r.first.Error()
	}
	if n > 0 && took > 0 {
		out.PerSecond = tenths(float64(n) / took.Seconds())
		out.DriverCPU = newUsage(driver, took, n)
		if r.serverPID != 0 {
			u := newUsage(server, took, n)
			out.ServerCPU = &u
		}
	}
	if len(r.samples[0]) > 0 && len(r.samples[1]) > 0 {
		out.Finds, out.Saves = newLatency(r.samples[0]), newLatency(r.samples[1])
	}
	out.Latency = newLatency(slices.Concat(r.samples[0], r.samples[1]))
	return out
}

func round(f float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(f*scale) / scale
}
