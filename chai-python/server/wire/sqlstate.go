package wire

import (
	"context"
	"errors"

	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Conditions that the protocol itself raises.
var (
	errShuttingDown    = pgerr.New(pgerr.CannotConnectNow, "the server is shutting down").WithHint("Connect again.").AsFatal()
	errAdminShutdown   = pgerr.New(pgerr.AdminShutdown, "terminating connection: the server is shutting down").WithHint("Connect again.").AsFatal()
	errUserCancel      = pgerr.New(pgerr.QueryCanceled, "canceling statement due to user request")
	errTimeout         = pgerr.New(pgerr.QueryCanceled, "canceling statement due to statement timeout")
	errLockTimeout     = pgerr.New(pgerr.LockNotAvailable, "canceling statement due to lock timeout")
	errIdleTransaction = pgerr.New(pgerr.IdleInTransactionSessionTimeout, "terminating connection due to idle-in-transaction timeout").
				WithHint("A transaction that has written holds the only writer: commit or roll back without delay.").AsFatal()
)

func tooManyConnections(limit int) error {
	return pgerr.New(pgerr.TooManyConnections, "sorry, too many clients already: the limit is %d", limit).
		WithHint("Close idle connections, or raise --max-connections.").AsFatal()
}

func tooManyUnauthenticated(limit int) error {
	return pgerr.New(pgerr.TooManyConnections, "too many clients are logging in: the limit is %d", limit).
		WithHint("Try again in a moment, or raise --max-unauthenticated.").AsFatal()
}

func violation(format string, args ...any) *pgerr.Error {
	return pgerr.New(pgerr.ProtocolViolation, format, args...)
}

// asError finds the error that a client is told. Whatever has no SQLSTATE is a
// defect of ours.
func asError(err error) *pgerr.Error {
	var e *pgerr.Error
	if errors.As(err, &e) {
		return e
	}
	return pgerr.New(pgerr.InternalError, "internal error: %w", err)
}

func sqlstate(err error) string { return asError(err).Code }

// whyCanceled replaces the error of a statement that was stopped through its
// context by the reason for which it was stopped.
func whyCanceled(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || sqlstate(err) == pgerr.QueryCanceled {
		return context.Cause(ctx)
	}
	return err
}

func errorResponse(e *pgerr.Error) *pgproto3.ErrorResponse {
	severity := "ERROR"
	if e.Fatal {
		severity = "FATAL"
	}
	return &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity,
		Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint, Position: int32(e.Position),
		SchemaName: e.Where.Schema, TableName: e.Where.Table, ColumnName: e.Where.Column, ConstraintName: e.Where.Constraint,
	}
}

func notice(severity, code, message string) *pgproto3.NoticeResponse {
	return &pgproto3.NoticeResponse{Severity: severity, SeverityUnlocalized: severity, Code: code, Message: message}
}
