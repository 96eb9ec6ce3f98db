package hazards

// Programs are the hazards that end, hang or bend the process: each runs in a
// process of its own, with a deadline, and prints what it saw.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

const (
	programVar   = "CHAI_HAZARD_PROGRAM"
	directoryVar = "CHAI_HAZARD_DIRECTORY"
)

// programs are registered next to the tests that run them.
var programs = map[string]func(t testing.TB, dir string){}

func runProgram(name string) {
	t := &printing{}
	programs[name](t, os.Getenv(directoryVar))
	os.Exit(0)
}

// printing lets a program use the helpers of the tests: a failure ends the process.
type printing struct{ testing.TB }

func (*printing) Helper() {}

func (*printing) Fatal(args ...any) {
	fmt.Println(append([]any{"fatal:"}, args...)...)
	os.Exit(1)
}

func (*printing) Fatalf(format string, args ...any) {
	fmt.Printf("fatal: "+format+"\n", args...)
	os.Exit(1)
}

// ended is how a program ended, and what it printed.
type ended struct {
	code   int // -1: killed at the deadline
	output string
}

func launch(t *testing.T, name, dir string, deadline time.Duration) ended {
	t.Helper()
	if programs[name] == nil {
		t.Fatalf("no program %q", name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), programVar+"="+name, directoryVar+"="+dir, "GOTRACEBACK=single")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%s: exit code %d\n%.600s", name, cmd.ProcessState.ExitCode(), out)
	return ended{cmd.ProcessState.ExitCode(), string(out)}
}
