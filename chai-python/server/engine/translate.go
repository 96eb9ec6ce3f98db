package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"

	"chaisqld/pgerr"

	"github.com/chaisql/chai"
)

var errBusy = pgerr.New(pgerr.InternalError, "a statement was run while the rows of another one were being read")

// panicError is a panic inside Chai, or inside the code that was using it.
type panicError struct {
	text  string // without values: those may be somebody's data
	stack []byte
}

func (p *panicError) Error() string { return "panic: " + p.text }

func newPanicError(value any) *panicError {
	p := &panicError{text: fmt.Sprintf("%T", value), stack: debug.Stack()}
	if err, ok := value.(runtime.Error); ok {
		p.text = err.Error()
	}
	return p
}

func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = newPanicError(p)
	}
}

// logPanic writes down a panic's place; the error that clients see does not have it.
func logPanic(log *slog.Logger, err error) {
	var p *panicError
	if errors.As(err, &p) {
		log.Error("recovered from a panic", "panic", p.text, "stack", string(p.stack))
	}
}

// translate gives an error from Chai its SQLSTATE. Errors that have one keep
// it, and what a row function returned comes back as it was.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var row rowError
	if errors.As(err, &row) {
		if row.error == Stop {
			return nil
		}
		return row.error
	}
	var known *pgerr.Error
	if errors.As(err, &known) {
		return known
	}
	var p *panicError
	if errors.As(err, &p) {
		return pgerr.New(pgerr.InternalError, "the database engine failed on this statement; it was rolled back").WithCause(err)
	}
	return byValue(err)
}

// byValue knows Chai's errors by their type where it has one.
func byValue(err error) error {
	if constraint, columns := violatedConstraint(err); constraint != "" {
		return violation(constraint, columns, err)
	}
	switch {
	case chai.IsAlreadyExistsError(err):
		return pgerr.New(pgerr.DuplicateTable, "relation %s", err).WithCause(err)
	case chai.IsNotFoundError(err):
		return pgerr.New(pgerr.UndefinedTable, "relation %s", err).WithCause(err)
	case isParseError(err):
		return pgerr.New(pgerr.FeatureNotSupported, "Chai cannot read the statement composed for this one: %s", err).
			WithHint("A table, column or index may be named like one of Chai's keywords.").WithCause(err)
	}
	return byText(err)
}

func violation(constraint, columns string, err error) error {
	if constraint == "NOT NULL" {
		return pgerr.New(pgerr.NotNullViolation, "null value in column %s violates not-null constraint", columns).WithCause(err)
	}
	return pgerr.New(pgerr.UniqueViolation, "duplicate key value violates unique constraint").
		WithDetail("Key (" + columns + ") already exists.").WithCause(err)
}

// violatedConstraint finds Chai's ConstraintViolationError. The type lives in
// an internal package, so its exported fields are read by reflection.
func violatedConstraint(err error) (constraint, columns string) {
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct || v.Type().Name() != "ConstraintViolationError" {
			continue
		}
		names, _ := v.FieldByName("Columns").Interface().([]string)
		return v.FieldByName("Constraint").String(), strings.Join(names, ", ")
	}
	return "", ""
}

func isParseError(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if t := reflect.TypeOf(err); t.Kind() == reflect.Pointer && t.Elem().Name() == "ParseError" {
			return true
		}
	}
	return false
}

// byText is the only place that reads error texts: Chai makes these errors
// with fmt.Errorf and gives them neither a type nor a value.
func byText(err error) error {
	text := err.Error()
	for _, known := range []struct{ part, code string }{
		{"violates check constraint", pgerr.CheckViolation},
		{"out of range", pgerr.NumericValueOutOfRange},
		{"cannot cast", pgerr.DatatypeMismatch},
		{"while deleting index value", pgerr.DataCorrupted},
		{"does not exist", pgerr.UndefinedColumn},
		{"has no column", pgerr.UndefinedColumn},
	} {
		if strings.Contains(text, known.part) {
			return pgerr.New(known.code, "%s", text).WithCause(err)
		}
	}
	return pgerr.New(pgerr.InternalError, "the database engine failed: %s", text).WithCause(err)
}
