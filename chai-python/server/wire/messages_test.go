package wire

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// short writes a reply so that a list of them can be compared by eye.
func short(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.ReadyForQuery:
		return "Ready " + string(m.TxStatus)
	case *pgproto3.CommandComplete:
		return string(m.CommandTag)
	case *pgproto3.ErrorResponse:
		return m.Severity + " " + m.Code
	case *pgproto3.NoticeResponse:
		return m.Severity + " " + m.Code
	case *pgproto3.ParameterStatus:
		return m.Name + "=" + m.Value
	case *pgproto3.ParameterDescription:
		return fmt.Sprint("Params ", m.ParameterOIDs)
	case *pgproto3.AuthenticationSASL:
		return fmt.Sprint("SASL ", m.AuthMechanisms)
	case *pgproto3.RowDescription:
		var fields []string
		for _, f := range m.Fields {
			fields = append(fields, fmt.Sprintf("%s:%d/%d", f.Name, f.DataTypeOID, f.Format))
		}
		return "Columns " + strings.Join(fields, " ")
	case *pgproto3.DataRow:
		var cells []string
		for _, v := range m.Values {
			if v == nil {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, string(v))
			}
		}
		return "Row " + strings.Join(cells, "|")
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}

// Messages, shortly.

func query(sql string) *pgproto3.Query { return &pgproto3.Query{String: sql} }

func parse(name, sql string, oids ...uint32) *pgproto3.Parse {
	return &pgproto3.Parse{Name: name, Query: sql, ParameterOIDs: oids}
}

func bind(portal, statement string, parameters ...string) *pgproto3.Bind {
	m := &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
	for _, p := range parameters {
		m.Parameters = append(m.Parameters, []byte(p))
	}
	return m
}

func describe(kind byte, name string) *pgproto3.Describe {
	return &pgproto3.Describe{ObjectType: kind, Name: name}
}

func execute(portal string, rows ...uint32) *pgproto3.Execute {
	m := &pgproto3.Execute{Portal: portal}
	if len(rows) > 0 {
		m.MaxRows = rows[0]
	}
	return m
}

func closing(kind byte, name string) *pgproto3.Close {
	return &pgproto3.Close{ObjectType: kind, Name: name}
}

// whole is Parse, Bind and Execute of an unnamed statement.
func whole(sql string, parameters ...string) []pgproto3.FrontendMessage {
	return []pgproto3.FrontendMessage{parse("", sql), bind("", "", parameters...), execute("")}
}

func messages(parts ...any) []pgproto3.FrontendMessage {
	var all []pgproto3.FrontendMessage
	for _, p := range parts {
		switch p := p.(type) {
		case pgproto3.FrontendMessage:
			all = append(all, p)
		case []pgproto3.FrontendMessage:
			all = append(all, p...)
		}
	}
	return all
}

var (
	syncing  = &pgproto3.Sync{}
	flushing = &pgproto3.Flush{}
)
