package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// Code says what kind of error an [Error] is. Its value is the "code" of the HTTP API's errors.
type Code string

// The kinds of error; there are no others.
const (
	Invalid         Code = "invalid"         // the input breaks a rule; Fields says which
	Unauthenticated Code = "unauthenticated" // nobody is logged in
	Forbidden       Code = "forbidden"       // known, but not allowed to
	NotFound        Code = "not_found"       // not there, or not for the asker to see
	Conflict        Code = "conflict"        // clashes with what is stored
	TooLarge        Code = "too_large"
	RateLimited     Code = "rate_limited" // try again after RetryAfter
	Unavailable     Code = "unavailable"  // the database is not there right now; try again after RetryAfter
	Internal        Code = "internal"     // a fault of ours
)

// retryAfter is how long a caller is asked to wait when the database is away: most crash restarts of PostgreSQL take
// a fraction of it.
const retryAfter = time.Second

// Error is the error of every call of this package.
type Error struct {
	Code       Code
	Message    string            // for the user: a whole sentence without secrets
	Fields     map[string]string // input field → what is wrong with it, for Invalid and some Conflicts
	RetryAfter time.Duration     // for Unavailable and RateLimited
	Err        error             // the cause, for the log; may be nil
}

// Error returns the message and, when there is one, the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first [Error] in err's chain, and Internal when there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// wrap turns an error of the database into an [Error], saying what was being done. Errors that are one already stay.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case unavailable(err):
		return &Error{Code: Unavailable, Message: "The database is not reachable right now. Try again in a moment.",
			RetryAfter: retryAfter, Err: fmt.Errorf("%s: %w", doing, err)}
	}
	return &Error{Code: Internal, Message: "Something went wrong on our side.", Err: fmt.Errorf("%s: %w", doing, err)}
}

func notFound(what string) error {
	return &Error{Code: NotFound, Message: "There is no such " + what + "."}
}

// unavailable reports whether err says that the database is not there, or not able, right now, rather than that it
// refused what was asked.
func unavailable(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && unavailableState(refused.Code) {
		return true
	}
	return connectionLost(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// errConnectionLost marks errors that do not look like it, but after which the connection was found closed.
var errConnectionLost = errors.New("connection lost")

// connectionLost reports whether err says that the connection cannot be used any more, or could not be made.
func connectionLost(err error) bool {
	if errors.Is(err, errConnectionLost) {
		return true
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return strings.HasPrefix(refused.Code, "57P") || strings.HasPrefix(refused.Code, "08")
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, puddle.ErrClosedPool) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// unavailableState sorts SQLSTATEs: PostgreSQL documentation, appendix A.
func unavailableState(code string) bool {
	switch code {
	case "57P01", // admin_shutdown
		"57P02",          // crash_shutdown
		"57P03",          // cannot_connect_now: starting up, shutting down, in recovery
		"57P05",          // idle_session_timeout
		"57014",          // query_canceled: by statement_timeout or an administrator
		"25006",          // read_only_sql_transaction: a standby, while it is not promoted yet
		"25P03", "25P04", // idle_in_transaction_session_timeout, transaction_timeout
		"40001", "40P01", "55P03": // serialization_failure, deadlock_detected, lock_not_available
		return true
	}
	// Classes: 08 connection exception, 53 insufficient resources (connections, memory, disk), 58 system error.
	class := code[:min(2, len(code))]
	return class == "08" || class == "53" || class == "58"
}

// violates reports whether err says that a row broke the named unique, check or foreign key constraint.
func violates(err error, constraint string) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && strings.HasPrefix(refused.Code, "23") && refused.ConstraintName == constraint
}

func noRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// isState reports whether err is PostgreSQL's refusal with that SQLSTATE.
func isState(err error, code string) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == code
}
