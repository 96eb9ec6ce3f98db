package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processCPU is what this process has used, in its own and the kernel's code.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// tick is the unit of the times in /proc, the same on all platforms that Go runs Linux on.
const tick = 10 * time.Millisecond

// serverCPU is what a server has used, with the processes that it started, if it is one that has a process for each client.
func serverCPU(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	all := processes()
	total := int64(0)
	for id := range all {
		if descends(all, id, pid) {
			total += all[id].ticks
		}
	}
	return time.Duration(total) * tick
}

type process struct {
	parent int
	ticks  int64 // its own, and of its children that have ended
}

func processes() map[int]process {
	all := map[int]process{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, path := range paths {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		if p, ok := parseStat(string(content)); ok {
			all[pid] = p
		}
	}
	return all
}

// parseStat reads the line that proc(5) describes, from behind the name, which may have spaces.
func parseStat(line string) (p process, ok bool) {
	_, rest, ok := strings.Cut(line[max(strings.LastIndexByte(line, ')'), 0):], " ")
	fields := strings.Fields(rest)
	const parent, firstTime, lastTime = 1, 11, 14 // user and system time, then those of children
	if !ok || len(fields) <= lastTime {
		return p, false
	}
	p.parent, _ = strconv.Atoi(fields[parent])
	for _, field := range fields[firstTime : lastTime+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return p, false
		}
		p.ticks += n
	}
	return p, true
}

// descends says whether id is ancestor or comes from it. A process that ended on the way breaks the chain.
func descends(all map[int]process, id, ancestor int) bool {
	for id != ancestor {
		p, ok := all[id]
		if !ok || p.parent == 0 {
			return false
		}
		id = p.parent
	}
	return true
}
