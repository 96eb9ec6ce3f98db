// Package differential runs the same statements on this server and on PostgreSQL 15, both through the protocol, and
// compares what they answer: rows byte by byte in the format asked for, column names and types, command tags, SQLSTATEs,
// types of parameters, and the table afterwards. What may differ is listed in differences_test.go, and nowhere else;
// docs/sql.md tells it to users.
//
// The package holds tests only. They make up tables, rows, statements and parameters from a seed, so that every run can be
// repeated, and they need PostgreSQL 15 in /usr/lib/postgresql/15/bin (Debian: postgresql-15) or in the directory that
// CHAISQLD_POSTGRES names.
//
//	go test ./differential                                              a few seconds
//	go test -v ./differential -args -statements 100000 -seed 7          as many as one likes
//	go test -v ./differential -args -statements 1 -seed 1234            the one table that a failure named
//	go test -v ./differential -args -differences                        show the differences that may be
package differential
