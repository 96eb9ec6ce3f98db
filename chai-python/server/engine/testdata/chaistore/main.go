// Command chaistore fills a directory as a Go session store on Chai does that
// knows nothing of chaisqld: an untouched Chai, database/sql, and an upsert
// that replaces.
//
//	chaistore DIR SESSIONS RENEWALS [hold]
//
// It commits that many sessions, then commits the first of them again with
// another expiry. It prints "token data expiry" of each; with hold it then
// keeps the directory open until its standard input ends.
package main

import (
	"database/sql"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	_ "github.com/chaisql/chai"
)

const upsert = "INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3) ON CONFLICT REPLACE"

func main() {
	log.SetFlags(0)
	dir, sessions, renewals := os.Args[1], number(os.Args[2]), number(os.Args[3])
	db, err := sql.Open("chai", dir)
	if err != nil {
		log.Fatal(err)
	}
	must(db.Exec("CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)"))
	must(db.Exec("CREATE INDEX idx_sessions_expiry ON sessions(expiry)"))
	start := time.Date(2030, 1, 1, 0, 0, 0, 123456789, time.UTC)
	for i := range sessions {
		commit(db, i, start.Add(time.Duration(i)*time.Second), i >= renewals)
	}
	for i := range renewals {
		commit(db, i, start.Add(time.Duration(i)*time.Second).AddDate(0, 1, 0), true)
	}
	if len(os.Args) > 4 {
		fmt.Println("holding")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return // as a program that is killed: nothing is closed
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
}

func commit(db *sql.DB, i int, expiry time.Time, last bool) {
	token, data := fmt.Sprintf("%043d", i), []byte(fmt.Sprint("data of ", i, " until ", expiry.Unix()))
	must(db.Exec(upsert, token, data, expiry.UTC()))
	if last {
		fmt.Printf("%s %x %d\n", token, data, expiry.UnixMicro())
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func must(_ sql.Result, err error) {
	if err != nil {
		log.Fatal(err)
	}
}
