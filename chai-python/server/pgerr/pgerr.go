// Package pgerr holds the one error type that clients see: a message with the
// SQLSTATE that PostgreSQL's manual (appendix A) gives for the failure.
//
// It stands apart from engine, gate and wire because all three raise such
// errors and none of them should have to import another one for it.
package pgerr

import "fmt"

// SQLSTATE codes in use, named as the manual names the conditions.
const (
	ProtocolViolation               = "08P01"
	FeatureNotSupported             = "0A000"
	CardinalityViolation            = "21000"
	StringDataRightTruncation       = "22001"
	NumericValueOutOfRange          = "22003"
	NullValueNotAllowed             = "22004"
	DatetimeFieldOverflow           = "22008"
	DivisionByZero                  = "22012"
	CharacterNotInRepertoire        = "22021"
	InvalidParameterValue           = "22023"
	InvalidRowCountInLimit          = "2201W"
	InvalidRowCountInOffset         = "2201X"
	InvalidTextRepresentation       = "22P02"
	InvalidBinaryRepresentation     = "22P03"
	NotNullViolation                = "23502"
	UniqueViolation                 = "23505"
	CheckViolation                  = "23514"
	ActiveSQLTransaction            = "25001"
	ReadOnlySQLTransaction          = "25006"
	NoActiveSQLTransaction          = "25P01"
	InFailedSQLTransaction          = "25P02"
	IdleInTransactionSessionTimeout = "25P03"
	TransactionTimeout              = "25P04"
	InvalidSQLStatementName         = "26000"
	InvalidAuthorization            = "28000"
	InvalidCursorName               = "34000"
	InvalidCatalogName              = "3D000"
	SerializationFailure            = "40001"
	InsufficientPrivilege           = "42501"
	SyntaxError                     = "42601"
	UndefinedColumn                 = "42703"
	UndefinedObject                 = "42704"
	UndefinedFunction               = "42883"
	DuplicateColumn                 = "42701"
	DuplicateCursor                 = "42P03"
	DuplicatePreparedStatement      = "42P05"
	UndefinedTable                  = "42P01"
	UndefinedParameter              = "42P02"
	DuplicateTable                  = "42P07"
	IndeterminateDatatype           = "42P18"
	InvalidTableDefinition          = "42P16"
	DatatypeMismatch                = "42804"
	InvalidName                     = "42602"
	DiskFull                        = "53100"
	OutOfMemory                     = "53200"
	TooManyConnections              = "53300"
	ConfigurationLimitExceeded      = "53400"
	ProgramLimitExceeded            = "54000"
	StatementTooComplex             = "54001"
	ObjectNotInPrerequisiteState    = "55000"
	ObjectInUse                     = "55006"
	LockNotAvailable                = "55P03"
	QueryCanceled                   = "57014"
	AdminShutdown                   = "57P01"
	CannotConnectNow                = "57P03"
	IOError                         = "58030"
	UndefinedFile                   = "58P01"
	DuplicateFile                   = "58P02"
	InternalError                   = "XX000"
	DataCorrupted                   = "XX001"
)

// Error is a failure with the SQLSTATE that clients see.
type Error struct {
	Code     string
	Message  string
	Detail   string
	Hint     string
	Position int  // 1-based character in the SQL text, 0 when unknown
	Fatal    bool // the connection ends with this error
	Where    Object
	Cause    error
}

// Object is what a violated constraint belongs to. Programs go by it, not by the message.
type Object struct{ Schema, Table, Column, Constraint string }

// New formats a message under a SQLSTATE. An error wrapped with %w in the
// format becomes the cause.
func New(code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, Message: err.Error()}
	if u, ok := err.(interface{ Unwrap() error }); ok {
		e.Cause = u.Unwrap()
	}
	return e
}

func (e *Error) Error() string { return e.Message + " (SQLSTATE " + e.Code + ")" }

func (e *Error) Unwrap() error { return e.Cause }

// WithHint returns a copy that says what to do about it.
func (e *Error) WithHint(hint string) *Error {
	c := *e
	c.Hint = hint
	return &c
}

// WithDetail returns a copy with the circumstances.
func (e *Error) WithDetail(detail string) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// At returns a copy that points at a character of the SQL text, counted from 1.
func (e *Error) At(position int) *Error {
	c := *e
	c.Position = position
	return &c
}

// AsFatal returns a copy that ends the connection.
func (e *Error) AsFatal() *Error {
	c := *e
	c.Fatal = true
	return &c
}

// On returns a copy that names the object whose constraint was violated.
func (e *Error) On(o Object) *Error {
	c := *e
	c.Where = o
	return &c
}

// WithCause returns a copy that unwraps to cause.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}
