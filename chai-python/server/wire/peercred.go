package wire

import (
	"net"
	"slices"

	"chaisqld/pgerr"
)

// checkPeer lets in the user that the server runs as, root, and whom the
// options name. The socket's mode says the same; this holds even where somebody
// widened it.
func checkPeer(nc *net.UnixConn, own uint32, allowed []uint32) error {
	uid, err := peerUID(nc)
	if err != nil {
		return pgerr.New(pgerr.InvalidAuthorization, "cannot tell who the client is: %w", err).AsFatal()
	}
	if !peerAllowed(uid, own, allowed) {
		return pgerr.New(pgerr.InvalidAuthorization, "user id %d may not use this database: it is served to user id %d and root", uid, own).
			WithHint("Start the server with --allow-uid for further ones.").AsFatal()
	}
	return nil
}

func peerAllowed(uid, own uint32, allowed []uint32) bool {
	return uid == own || uid == 0 || slices.Contains(allowed, uid)
}

// peerUID asks the kernel who connected.
func peerUID(nc *net.UnixConn) (uid uint32, err error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var asked error
	err = raw.Control(func(fd uintptr) { uid, asked = socketPeer(int(fd)) })
	if err != nil {
		return 0, err
	}
	return uid, asked
}
