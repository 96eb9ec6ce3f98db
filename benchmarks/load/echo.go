package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// exchange is a conversation of fixed sizes, the floor under every server: what the kernel and Go take to pass a request
// and a reply, and, with a file, to make as many bytes durable.
type exchange struct {
	socket          string
	request, reply  int
	file            string
	bytes           int
	seconds, warmup float64
}

func (x *exchange) register(flags *flag.FlagSet) {
	flags.StringVar(&x.socket, "socket", "", "path of the socket")
	flags.IntVar(&x.request, "request", 100, "bytes of a request")
	flags.IntVar(&x.reply, "reply", 100, "bytes of a reply")
}

func (x *exchange) validate() error {
	switch {
	case x.socket == "":
		return errors.New("-socket is missing")
	case x.request < 1 || x.reply < 1 || x.bytes < 0:
		return fmt.Errorf("-request is %d, -reply is %d and -bytes is %d, must be positive", x.request, x.reply, x.bytes)
	case x.file != "" && x.bytes == 0:
		return errors.New("-append needs -bytes")
	}
	return nil
}

// echo serves until it is told to end. It says "ready" on standard output when clients can come.
func echo(args []string, out io.Writer) error {
	var x exchange
	flags := flag.NewFlagSet("load echo", flag.ContinueOnError)
	x.register(flags)
	flags.StringVar(&x.file, "append", "", "append to this file, with fdatasync, before each reply")
	flags.IntVar(&x.bytes, "bytes", 0, "how many bytes to append")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := x.validate(); err != nil {
		return err
	}
	work := func() error { return nil }
	if x.file != "" {
		f, err := os.OpenFile(x.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		work = appender(f, x.bytes)
	}
	listener, err := net.Listen("unix", x.socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Fprintln(out, "ready")
	return serve(listener, &x, work)
}

func appender(f *os.File, size int) func() error {
	content := make([]byte, size)
	return func() error {
		if _, err := f.Write(content); err != nil {
			return err
		}
		return syscall.Fdatasync(int(f.Fd()))
	}
}

func serve(listener net.Listener, x *exchange, work func() error) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	failed := make(chan error, 1)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				failed <- err
				return
			}
			go answer(c, x, work, failed)
		}
	}()
	select {
	case <-signals:
		return nil
	case err := <-failed:
		return err
	}
}

// answer serves one client. That the client leaves is no failure; that the disk fails is.
func answer(c net.Conn, x *exchange, work func() error, failed chan<- error) {
	defer c.Close()
	request, reply := make([]byte, x.request), make([]byte, x.reply)
	for {
		if _, err := io.ReadFull(c, request); err != nil {
			return
		}
		if err := work(); err != nil {
			failed <- err
			return
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}

// floor is the client of echo.
func floor(args []string, out io.Writer) error {
	x := exchange{}
	flags := flag.NewFlagSet("load floor", flag.ContinueOnError)
	x.register(flags)
	flags.Float64Var(&x.seconds, "seconds", 5, "measured time")
	flags.Float64Var(&x.warmup, "warmup", 0.2, "seconds before that, not measured")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := x.validate(); err != nil {
		return err
	}
	c, err := dial(x.socket)
	if err != nil {
		return err
	}
	defer c.close()
	var r recorder
	request := make([]byte, x.request)
	r.plan(time.Now(), seconds(x.warmup), seconds(x.seconds), 0)
	for over := false; !over; {
		sent := time.Now()
		if err := c.exchange(request, x.reply); err != nil {
			return err
		}
		over = r.add(sent, time.Now(), false, nil)
	}
	result := r.report("floor", 1)
	result.Request, result.Reply = x.request, x.reply
	return write(out, result)
}

// exchange writes a request and reads a reply of so many bytes.
func (c *connection) exchange(request []byte, reply int) error {
	if err := c.write(request); err != nil {
		return err
	}
	for c.filled = 0; c.filled < reply; {
		if err := c.fill(); err != nil {
			return err
		}
	}
	return nil
}
