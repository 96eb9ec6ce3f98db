package wire

import (
	"net"

	"chaisqld/pgerr"
)

// checkPeer lets in the user that the server runs as, and root. The socket's
// mode says the same; this holds even where somebody widened it.
func checkPeer(nc *net.UnixConn, ownUID uint32) error {
	uid, err := peerUID(nc)
	if err != nil {
		return pgerr.New(pgerr.InvalidAuthorization, "cannot tell who the client is: %w", err).AsFatal()
	}
	if !peerAllowed(uid, ownUID) {
		return pgerr.New(pgerr.InvalidAuthorization, "user id %d may not use this database: it is served to user id %d and root", uid, ownUID).AsFatal()
	}
	return nil
}

func peerAllowed(uid, ownUID uint32) bool { return uid == ownUID || uid == 0 }
