package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What only a process of its own can show: passed descriptors, and a socket
// that outlives the server.

// programEnv makes the test binary be chaisqld instead.
const programEnv = "CHAISQLD_TEST_PROGRAM"

func init() {
	if os.Getenv(programEnv) != "" {
		os.Unsetenv(programEnv)
		main()
	}
}

// program is a chaisqld process.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   output
	ended chan struct{}
}

// startProgram runs wrapper and, after it, chaisqld with args. Files become
// descriptors 3 and up.
func startProgram(t *testing.T, wrapper, args, env []string, files ...*os.File) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append(append(wrapper[:len(wrapper):len(wrapper)], self), args...)
	p := &program{t: t, cmd: exec.Command(line[0], line[1:]...), ended: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), programEnv+"=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = &p.out, &p.out, files
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.ended); p.cmd.Wait() }()
	t.Cleanup(func() { p.signal(syscall.SIGKILL); <-p.ended })
	return p
}

func (p *program) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

// says waits for a line of its log.
func (p *program) says(what string) {
	p.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(p.out.String(), what); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("it does not say %q: %s", what, p.out.String())
		}
	}
}

// ends waits for the exit code.
func (p *program) ends(want int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("it does not end: %s", p.out.String())
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		p.t.Fatalf("exit code %d, want %d: %s", got, want, p.out.String())
	}
}

// withPID makes LISTEN_PID right, which nobody knows before the process exists.
var withPID = []string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}

func listenFDs(names ...string) []string {
	return []string{fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES=" + strings.Join(names, ":")}
}

// descriptor is a listener's, for another process.
func descriptor(t *testing.T, l interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func listenUnix(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
