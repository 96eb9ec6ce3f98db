package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// Passwords typed on a terminal, which shows what is typed again afterwards,
// however the command ends.

func askTwice(fd int, stderr io.Writer) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("cannot read the password: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		fmt.Fprint(stderr, prompt)
		typed[i], err = ask(fd, signals)
		fmt.Fprintln(stderr)
		if err != nil {
			return "", errors.Join(err, term.Restore(fd, before))
		}
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ")
	}
	return typed[0], nil
}

// ask reads one line. After a signal the read goes on until the process ends.
func ask(fd int, signals <-chan os.Signal) (string, error) {
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- answer{text, err}
	}()
	select {
	case a := <-read:
		if a.err != nil {
			return "", fmt.Errorf("cannot read the password: %w", a.err)
		}
		return string(a.text), nil
	case <-signals:
		return "", errInterrupted
	}
}
