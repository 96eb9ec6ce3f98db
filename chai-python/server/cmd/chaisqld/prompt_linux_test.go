package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with chaisqld passwd on it.
type terminal struct {
	t      *testing.T
	master *os.File
	shown  output
	cmd    *exec.Cmd
	ended  chan struct{}
}

func passwdOnTerminal(t *testing.T, authFile string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	x := &terminal{t: t, master: master, ended: make(chan struct{})}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x.cmd = exec.Command(self, "passwd", "--auth-file", authFile, "alice")
	x.cmd.Env = append(os.Environ(), programEnv+"=1")
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go io.Copy(&x.shown, master)
	go func() { defer close(x.ended); x.cmd.Wait() }()
	t.Cleanup(func() { x.cmd.Process.Kill(); <-x.ended })
	return x
}

// echoes tells whether what is typed is shown. Master and slave have their settings in common.
func (x *terminal) echoes() bool {
	x.t.Helper()
	settings, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}

// asked waits for a prompt at which nothing is shown.
func (x *terminal) asked(prompt string) {
	x.t.Helper()
	waitUntil(x.t, "it asks "+prompt, func() bool { return strings.Contains(x.shown.String(), prompt) && !x.echoes() })
}

func (x *terminal) ends() int {
	x.t.Helper()
	select {
	case <-x.ended:
	case <-time.After(patience):
		x.t.Fatalf("it does not end: %s", x.shown.String())
	}
	return x.cmd.ProcessState.ExitCode()
}

func TestPasswdOnATerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	x := passwdOnTerminal(t, path)
	for _, prompt := range []string{"Password: ", "Again: "} {
		x.asked(prompt)
		io.WriteString(x.master, "secret\n")
	}
	if code := x.ends(); code != exitOK || strings.Contains(x.shown.String(), "secret") || !x.echoes() {
		t.Errorf("code %d, echo %v: %s", code, x.echoes(), x.shown.String())
	}
	if users, err := readVerifiers(path); err != nil || len(users) != 1 {
		t.Errorf("%v, %v", users, err)
	}
}

// Whoever gives up at the prompt has a terminal afterwards that shows what is typed.
func TestPasswdThatIsInterrupted(t *testing.T) {
	for _, before := range []string{"", "secret\n"} {
		path := filepath.Join(t.TempDir(), "users")
		x := passwdOnTerminal(t, path)
		x.asked("Password: ")
		if io.WriteString(x.master, before); before != "" {
			x.asked("Again: ")
		}
		io.WriteString(x.master, "\x03")
		if code := x.ends(); code != exitBusy || !x.echoes() {
			t.Errorf("code %d, echo %v: %s", code, x.echoes(), x.shown.String())
		}
		if exists(t, path) {
			t.Error("there is a file of users")
		}
	}
}
