package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A connection that exists says nothing of whether the postmaster still makes new ones. So a check knocks there too if
// nobody has for knockInterval, which costs PostgreSQL a fork and us next to nothing; and after renewal it logs in anew.
const (
	knockInterval = 3 * time.Second
	renewal       = 30 * time.Second
)

// Prober asks the running cluster whether it answers. It keeps one connection as the superuser, for whom some are
// reserved, so that a pool that is used up is no failure.
type Prober struct {
	// Crashes is to hear the cluster's log; then a check that fails since PostgreSQL crashed says why it did.
	Crashes CrashWatch

	cfg     Config
	knocks  time.Duration
	renewal time.Duration
	busy    chan struct{} // holds one element while a check or Close is under way

	conn  *pgconn.PgConn
	since time.Time // when conn was made
	met   time.Time // when the postmaster answered last
}

// NewProber returns a prober of the cluster that cfg describes. It connects at the first check.
func NewProber(cfg Config) *Prober {
	return &Prober{cfg: cfg, knocks: knockInterval, renewal: renewal, busy: make(chan struct{}, 1)}
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
		err := query(ctx, p.conn)
		if err == nil && time.Since(p.met) >= p.knocks {
			return p.knock(ctx)
		}
		if err == nil || ctx.Err() != nil {
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
	p.conn, p.since, p.met = conn, time.Now(), time.Now()
	return query(ctx, conn)
}

// sslRequest asks whether the server would speak TLS: the first message of a connection that anybody may send
// (PostgreSQL docs, "Message Formats", SSLRequest). The answer is one byte, and a server does not log who goes after it.
var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

// knock asks the postmaster to make a connection, without a login.
func (p *Prober) knock(ctx context.Context) error {
	cfg, err := p.cfg.normalise()
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", cfg.socketPath())
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err = conn.Write(sslRequest)
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1))
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("PostgreSQL answers, but makes no new connections: %w", err)
	}
	p.met = time.Now()
	return nil
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
