package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// renewal is how long a connection is kept. One that exists says nothing of whether the postmaster still makes new
// ones, so now and then a check tries that too.
const renewal = 30 * time.Second

// Prober asks the running cluster whether it answers. It keeps one connection as the superuser, for whom some are
// reserved, so that a pool that is used up is no failure.
type Prober struct {
	// Crashes is to hear the cluster's log; then a check that fails since PostgreSQL crashed says why it did.
	Crashes CrashWatch

	cfg     Config
	renewal time.Duration
	busy    chan struct{} // holds one element while a check or Close is under way

	conn  *pgconn.PgConn
	since time.Time // when conn was made
}

// NewProber returns a prober of the cluster that cfg describes. It connects at the first check.
func NewProber(cfg Config) *Prober {
	return &Prober{cfg: cfg, renewal: renewal, busy: make(chan struct{}, 1)}
}

// Check returns nil when PostgreSQL answered a query before ctx ended. A connection that broke since the last check
// tells of the past, so the answer is then that of a new one.
func (p *Prober) Check(ctx context.Context) error {
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the check before this one: %w", ctx.Err())
	}
	if p.conn != nil && time.Since(p.since) < p.renewal {
		if err := query(ctx, p.conn); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return p.Crashes.explain(p.checkAnew(ctx))
}

// checkAnew asks over a new connection, which is kept.
func (p *Prober) checkAnew(ctx context.Context) error {
	p.disconnect()
	url, err := SuperuserURL(p.cfg)
	if err != nil {
		return err
	}
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	p.conn, p.since = conn, time.Now()
	return query(ctx, conn)
}

// query asks by the simple protocol, which takes one message each way.
func query(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, "SELECT 1").ReadAll()
	if err != nil {
		return fmt.Errorf("query PostgreSQL: %w", err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || string(results[0].Rows[0][0]) != "1" {
		return errors.New("PostgreSQL answers SELECT 1 wrongly")
	}
	return nil
}

// Close ends the kept connection. A later Check connects again.
func (p *Prober) Close() {
	p.busy <- struct{}{}
	defer func() { <-p.busy }()
	p.disconnect()
}

// farewell bounds the goodbye to a server that may hang.
const farewell = time.Second

func (p *Prober) disconnect() {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = p.conn.Close(ctx) // whatever it says, the socket is closed
	p.conn = nil
}

// cannotConnectNow is what PostgreSQL answers while it starts, recovers or shuts down:
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
const cannotConnectNow = "57P03"

// Recovering says whether the error of a check is PostgreSQL's own answer that it takes no connections yet, or no more. It
// works on it, and a restart would only make it begin anew.
func Recovering(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == cannotConnectNow
}
