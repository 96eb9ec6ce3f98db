package main

import (
	"encoding/binary"
	"fmt"
)

// The frontend's messages, as PostgreSQL's manual has them in "Message Formats". Every value goes in binary format.

const (
	protocolVersion = 3 << 16
	binaryFormat    = 1
)

// message adds one message whose body is the given parts.
func message(dst []byte, kind byte, parts ...[]byte) []byte {
	dst = append(dst, kind)
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

func text(s string) []byte { return append([]byte(s), 0) }

func int16s(values ...int) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func startupMessage(user, database string) []byte {
	body := binary.BigEndian.AppendUint32(nil, protocolVersion)
	for _, s := range []string{"user", user, "database", database, "application_name", "load", "TimeZone", "UTC"} {
		body = append(body, text(s)...)
	}
	return message(nil, 0, body, []byte{0})[1:] // the only message without a kind
}

func queryMessage(sql string) []byte { return message(nil, 'Q', text(sql)) }

func syncMessage() []byte { return message(nil, 'S') }

func parseMessage(name, sql string, oids []uint32) []byte {
	types := int16s(len(oids))
	for _, oid := range oids {
		types = binary.BigEndian.AppendUint32(types, oid)
	}
	return message(nil, 'P', text(name), text(sql), types)
}

// request is Bind, Execute and Sync of a prepared statement, built once. The parameters have fixed sizes, so that an
// operation only overwrites their bytes.
type request struct {
	bytes  []byte
	params [][]byte // within bytes
}

func newRequest(name string, sizes []int) *request {
	const header = 5 // kind and length come before the body
	body := append(text(""), text(name)...)
	body = append(body, int16s(1, binaryFormat, len(sizes))...)
	var offsets []int
	for _, size := range sizes {
		body = binary.BigEndian.AppendUint32(body, uint32(size))
		offsets = append(offsets, header+len(body))
		body = append(body, make([]byte, size)...)
	}
	r := &request{bytes: message(nil, 'B', body, int16s(1, binaryFormat))}
	r.bytes = message(r.bytes, 'E', text(""), []byte{0, 0, 0, 0})
	r.bytes = append(r.bytes, syncMessage()...)
	for i, at := range offsets {
		r.params = append(r.params, r.bytes[at:at+sizes[i]])
	}
	return r
}

// unsynced leaves the Sync out, for a pipeline.
func (r *request) unsynced() []byte { return r.bytes[:len(r.bytes)-len(syncMessage())] }

// reply is what came back up to ReadyForQuery.
type reply struct {
	tag  []byte           // of the last CommandComplete
	each func(row []byte) // nil, or called with every DataRow's body
	size int              // bytes, all in all
	err  error            // the first ErrorResponse
}

// scan reads messages from b; complete says that ReadyForQuery is among them.
func (r *reply) scan(b []byte) (complete bool, rest []byte) {
	for len(b) >= 5 {
		size := 1 + int(binary.BigEndian.Uint32(b[1:]))
		if len(b) < size {
			return false, b
		}
		body := b[5:size]
		switch b[0] {
		case 'C':
			r.tag = body[:len(body)-1]
		case 'D':
			if r.each != nil {
				r.each(body)
			}
		case 'E':
			if r.err == nil {
				r.err = serverError(body)
			}
		case 'Z':
			return true, b[size:]
		}
		b = b[size:]
	}
	return false, b
}

// serverError takes SQLSTATE and message out of an ErrorResponse.
func serverError(body []byte) error {
	fields := map[byte]string{}
	for len(body) > 1 {
		end := 1
		for end < len(body) && body[end] != 0 {
			end++
		}
		fields[body[0]] = string(body[1:end])
		body = body[min(end+1, len(body)):]
	}
	return fmt.Errorf("%s %s", fields['C'], fields['M'])
}
