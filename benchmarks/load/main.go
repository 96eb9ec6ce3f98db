// Command load measures servers that speak PostgreSQL's protocol, and what the machine allows at best.
//
//	load run   -socket S -mode save -clients 64 -seconds 5
//	load echo  -socket S -request 100 -reply 400 [-append FILE -bytes 600]
//	load floor -socket S -request 100 -reply 400 -seconds 5
//
// run drives chaisqld and PostgreSQL with the same bytes. It is made to be light, because it shares the machine with the
// server that it measures: one thread, messages built beforehand, one write and one read for each operation, nothing
// allocated. echo answers requests with as many bytes as a server would, after a synced append if asked; floor is its
// client. Results are one JSON object on standard output.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := dispatch(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: load run|echo|floor [flags]; load run -help lists them")

func dispatch(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "run":
		return run(args[1:], out)
	case "echo":
		return echo(args[1:], out)
	case "floor":
		return floor(args[1:], out)
	}
	return errUsage
}

// run drives a server.
func run(args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("load run", flag.ContinueOnError)
	o.register(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := o.validate(); err != nil {
		return err
	}
	r, err := drive(&o)
	if err != nil {
		return err
	}
	return write(out, r)
}

func write(out io.Writer, r *report) error {
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return err
	}
	if r.Errors > 0 {
		return fmt.Errorf("%d of %d operations failed, first: %s", r.Errors, r.Operations+r.Errors, r.FirstError)
	}
	return nil
}
