package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
)

// remoteFlags open the server to other machines. Without --listen, and without
// TCP sockets from a service manager, there is no TCP.
type remoteFlags struct {
	Listen   []string `placeholder:"tcp://HOST:PORT" help:"Serve TCP too, at this address, with TLS and SCRAM-SHA-256; several with commas. Needs the next three."`
	TLSCert  string   `name:"tls-cert" placeholder:"FILE" help:"Certificate in PEM, with the chain that clients need. Reread on SIGHUP."`
	TLSKey   string   `name:"tls-key" placeholder:"FILE" help:"Its private key in PEM, of mode 0600. Reread on SIGHUP."`
	AuthFile string   `placeholder:"FILE" help:"Users and their verifiers, of mode 0600; 'chaisqld passwd' writes it. Every user may do everything. Reread on SIGHUP."`
	AllowUID []uint32 `name:"allow-uid" placeholder:"UID" help:"User ids that may use the Unix socket besides the server's own and root; several with commas. They need access to the socket's directory as well."`
}

func (f *remoteFlags) validate() error {
	for _, address := range f.Listen {
		if _, err := hostPort(address); err != nil {
			return err
		}
	}
	if len(f.Listen) > 0 {
		return f.validateAccess("--listen")
	}
	return nil
}

// validateAccess refuses TCP that would be served to anybody, or in the clear.
func (f *remoteFlags) validateAccess(why string) error {
	for _, file := range []struct{ flag, path string }{{"--tls-cert", f.TLSCert}, {"--tls-key", f.TLSKey}, {"--auth-file", f.AuthFile}} {
		if file.path == "" {
			return fmt.Errorf("%s needs %s: TCP is served with TLS and passwords only", why, file.flag)
		}
	}
	return nil
}

// hostPort takes the address apart: an empty host means all of the machine's.
func hostPort(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "tcp" || u.Port() == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("--listen is %q, must be tcp://HOST:PORT", address)
	}
	return u.Host, nil
}

// listenTCP opens all addresses, or none.
func (f *remoteFlags) listenTCP() ([]*net.TCPListener, error) {
	var listeners []*net.TCPListener
	for _, address := range f.Listen {
		host, err := hostPort(address)
		if err != nil {
			return nil, err
		}
		l, err := net.Listen("tcp", host)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, fmt.Errorf("%w: --listen %s: %w", errAddress, address, err)
		}
		listeners = append(listeners, l.(*net.TCPListener))
	}
	return listeners, nil
}

var errAddress = errors.New("cannot listen")
