package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// chunk is how many rows are asked for, or inserted, in one go.
const chunk = 100

// prepare makes the table, reads what is in it and inserts the sessions that are missing. A compare-and-swap needs to know
// the data that are there, and earlier runs have changed them.
func prepare(o *options, sessions []session, random *rand.ChaCha8, times *clock) error {
	if err := createTable(o); err != nil {
		return err
	}
	c, err := connect(o, []*statement{read, upsert})
	if err != nil {
		return err
	}
	defer c.close()
	for start := 0; start < len(sessions); start += chunk {
		part := sessions[start:min(start+chunk, len(sessions))]
		missing, err := readSessions(c, part, o.size)
		if err == nil && len(missing) > 0 {
			err = insertSessions(c, missing, o.size, random, times)
		}
		if err != nil {
			return fmt.Errorf("cannot prepare the sessions: %w", err)
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

// readSessions notes the data that rows have, and returns those that are not there or have other sizes.
func readSessions(c *connection, part []session, size int) (missing []*session, err error) {
	byToken := make(map[string]*session, len(part))
	r := newRequest(read.name, read.sizes(size))
	var pipeline []byte
	for i := range part {
		s := &part[i]
		byToken[s.token] = s
		read.fill(r, s, nil, 0)
		pipeline = append(pipeline, r.unsynced()...)
	}
	_, err = c.call(append(pipeline, syncMessage()...), func(row []byte) {
		values := cells(row)
		if s := byToken[string(values[0])]; s != nil && len(values[1]) == size {
			s.data = bytes.Clone(values[1])
		}
	})
	for i := range part {
		if part[i].data == nil {
			missing = append(missing, &part[i])
		}
	}
	return missing, err
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
