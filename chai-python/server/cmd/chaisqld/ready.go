package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// openReady checks the descriptor on which whoever started the server waits.
func openReady(fd int) (io.WriteCloser, error) {
	if fd < 0 {
		return nopCloser{io.Discard}, nil
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		return nil, fmt.Errorf("--ready-fd %d: %w", fd, err)
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "ready"), nil
}

// sayReady tells that clients can connect. Nobody listening any more is no
// reason not to serve.
func sayReady(w io.WriteCloser, log *slog.Logger) {
	_, err := io.WriteString(w, "ready\n")
	if err != nil {
		log.Warn("nobody waits for the ready line", "error", err)
	}
	w.Close()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
