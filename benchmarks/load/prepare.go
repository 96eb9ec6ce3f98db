package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	page  = 1000 // rows that are read in one go
	chunk = 100  // rows that are inserted in one transaction
)

// prepare makes the table, reads what is in it and inserts the sessions that are missing. A compare-and-swap needs to know
// the data that are there, and earlier runs have changed them.
func prepare(o *options, sessions []session, random *rand.ChaCha8, times *clock) error {
	if err := createTable(o); err != nil {
		return err
	}
	c, err := connect(o, []*statement{scan, upsert})
	if err != nil {
		return err
	}
	defer c.close()
	if err := readSessions(c, sessions, o.size); err != nil {
		return fmt.Errorf("cannot read the sessions: %w", err)
	}
	var missing []*session
	for i := range sessions {
		if s := &sessions[i]; s.data == nil {
			missing = append(missing, s)
		}
	}
	for part := range slices.Chunk(missing, chunk) {
		if err := insertSessions(c, part, o.size, random, times); err != nil {
			return fmt.Errorf("cannot insert the sessions: %w", err)
		}
	}
	return nil
}

func createTable(o *options) error {
	c, err := connect(o, nil)
	if err != nil {
		return err
	}
	defer c.close()
	for _, sql := range []string{schema, index} {
		if _, err := c.call(queryMessage(sql), nil); err != nil {
			return err
		}
	}
	return nil
}

// readSessions notes the data of those that are in the table in the right size.
func readSessions(c *connection, sessions []session, size int) error {
	byToken := make(map[string]*session, len(sessions))
	for i := range sessions {
		byToken[sessions[i].token] = &sessions[i]
	}
	last := strings.Repeat(" ", tokenBytes) // below all tokens
	for more := true; more; {
		r := newRequest(scan.name, scan.sizes(size))
		scan.fill(r, &session{token: last}, nil, 0)
		more = false
		_, err := c.call(r.bytes, func(row []byte) {
			values := cells(row)
			last, more = string(values[0]), true
			if s := byToken[last]; s != nil && len(values[1]) == size {
				s.data = bytes.Clone(values[1])
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cells cuts a DataRow's body into its values, which may not be NULL here.
func cells(row []byte) [][]byte {
	values := make([][]byte, binary.BigEndian.Uint16(row))
	row = row[2:]
	for i := range values {
		size := int(binary.BigEndian.Uint32(row))
		values[i], row = row[4:4+size], row[4+size:]
	}
	return values
}

// insertSessions writes rows in one pipeline, which is one transaction.
func insertSessions(c *connection, rows []*session, size int, random *rand.ChaCha8, times *clock) error {
	r := newRequest(upsert.name, upsert.sizes(size))
	var pipeline []byte
	for _, s := range rows {
		s.data = make([]byte, size)
		if _, err := random.Read(s.data); err != nil {
			return err
		}
		upsert.fill(r, s, s.data, times.expiry(time.Now()))
		pipeline = append(pipeline, r.unsynced()...)
	}
	done, err := c.call(append(pipeline, syncMessage()...), nil)
	if err == nil && string(done.tag) != upsert.tag {
		err = errors.New("a session was not inserted")
	}
	return err
}
