package wire

import (
	"encoding/binary"
	"io"

	"chaisqld/gate"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Replies that are the same every time, and rows, are appended to the buffer
// as bytes: they are what a busy connection sends most.

var (
	parseComplete   = encoded(&pgproto3.ParseComplete{})
	bindComplete    = encoded(&pgproto3.BindComplete{})
	closeComplete   = encoded(&pgproto3.CloseComplete{})
	noData          = encoded(&pgproto3.NoData{})
	emptyQuery      = encoded(&pgproto3.EmptyQueryResponse{})
	portalSuspended = encoded(&pgproto3.PortalSuspended{})
)

// fixedReply is a message that has no content.
type fixedReply []byte

func encoded(m pgproto3.BackendMessage) fixedReply {
	b, err := m.Encode(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// sendFixed adds such a message where send would.
func (c *conn) sendFixed(m fixedReply) {
	buffer := c.replies()
	*buffer = append(*buffer, m...)
}

func (c *conn) readyForQuery() {
	c.out = append(c.out, 'Z', 0, 0, 0, 5, c.tx.status())
}

func appendCommandComplete(dst []byte, tag string) []byte {
	dst = append(dst, 'C')
	dst = binary.BigEndian.AppendUint32(dst, uint32(4+len(tag)+1))
	dst = append(dst, tag...)
	return append(dst, 0)
}

// appendDataRow adds one row in the portal's formats.
func appendDataRow(dst []byte, columns []gate.Column, formats []int16, row []any) ([]byte, error) {
	start := len(dst) + 1
	dst = append(dst, 'D', 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(columns)))
	for i, column := range columns {
		var err error
		if dst, err = appendCell(dst, column.Type, formatOf(formats, i), row[i]); err != nil {
			return dst[:start-1], err
		}
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst, nil
}

func appendCell(dst []byte, t gate.Type, format int16, value any) ([]byte, error) {
	if value == nil {
		return append(dst, 0xff, 0xff, 0xff, 0xff), nil
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	encode := gate.AppendText
	if format == pgproto3.BinaryFormat {
		encode = appendBinary
	}
	dst, err := encode(dst, t, value)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst, err
}

// formatOf is the format of the i-th value: none given means text, one is for all.
func formatOf(formats []int16, i int) int16 {
	switch len(formats) {
	case 0:
		return pgproto3.TextFormat
	case 1:
		return formats[0]
	}
	return formats[i]
}

// appendRowDescription adds what a result's columns are.
func appendRowDescription(dst []byte, columns []gate.Column, formats []int16) []byte {
	const anyModifier = 0xffffffff
	start := len(dst) + 1
	dst = append(dst, 'T', 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(columns)))
	for i, column := range columns {
		dst = append(append(dst, column.Name...), 0)
		dst = append(dst, 0, 0, 0, 0, 0, 0) // of no table
		dst = binary.BigEndian.AppendUint32(dst, column.Type.OID)
		dst = binary.BigEndian.AppendUint16(dst, uint16(column.Type.Size))
		dst = binary.BigEndian.AppendUint32(dst, anyModifier)
		dst = binary.BigEndian.AppendUint16(dst, uint16(formatOf(formats, i)))
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// discard reads at most limit bytes, until the end or the reader's deadline.
func discard(r io.Reader, limit int64) {
	buffer := make([]byte, 32<<10)
	for limit > 0 {
		n, err := r.Read(buffer)
		if err != nil {
			return
		}
		limit -= int64(n)
	}
}
