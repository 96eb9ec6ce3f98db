package pgerr

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestCopiesLeaveTheOriginalAlone(t *testing.T) {
	base := New(SyntaxError, "syntax error at %q", "FROM")
	changed := base.WithHint("h").WithDetail("d").At(7).AsFatal().WithCause(io.EOF)
	if base.Hint != "" || base.Detail != "" || base.Position != 0 || base.Fatal || base.Cause != nil {
		t.Errorf("original was changed: %+v", base)
	}
	want := Error{Code: "42601", Message: `syntax error at "FROM"`, Detail: "d", Hint: "h", Position: 7, Fatal: true, Cause: io.EOF}
	if *changed != want {
		t.Errorf("got %+v, want %+v", *changed, want)
	}
}

func TestUnwrap(t *testing.T) {
	err := fmt.Errorf("outer: %w", New(InternalError, "read failed: %w", io.ErrUnexpectedEOF))
	var e *Error
	if !errors.As(err, &e) || e.Code != InternalError {
		t.Fatalf("errors.As found %v", e)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("cause is not reachable")
	}
	if got := e.Error(); got != "read failed: unexpected EOF (SQLSTATE XX000)" {
		t.Errorf("text is %q", got)
	}
}
