package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Workspace is the one team that an instance serves.
type Workspace struct {
	Name           string    `json:"name"`
	SearchLanguage string    `json:"search_language" doc:"By whose rules words are brought to their stems for searching: english, german, … or simple, by none"`
	CreatedAt      time.Time `json:"created_at"`
}

// WorkspaceParams is what can be changed of the workspace; nil leaves it as it is.
type WorkspaceParams struct{ SearchLanguage *string }

// SetupParams says how a new instance begins.
type SetupParams struct {
	Workspace    string
	Username     string
	DisplayName  string // the username when empty
	PasswordHash string
}

// SetupNeeded reports whether the instance is new: it has no workspace yet.
func (s *Store) SetupNeeded(ctx context.Context) (bool, error) {
	needed, err := one(ctx, s, value[bool], "SELECT NOT EXISTS (SELECT FROM workspace)")
	return needed, wrap("look for the workspace", err)
}

// Setup begins a new instance: the workspace, its owner and #general. It answers Conflict when that was done before.
func (s *Store) Setup(ctx context.Context, p SetupParams) (User, error) {
	var check checker
	check.text("workspace", p.Workspace, 80)
	owner := newUser(&check, p.Username, p.DisplayName, p.PasswordHash, Owner)
	if err := check.err(); err != nil {
		return User{}, err
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		general := newID()
		if _, err := tx.Exec(ctx, `INSERT INTO channels (id, kind, name) VALUES ($1, 'public', 'general')`, general); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO workspace (name, general_channel_id) VALUES ($1, $2)`, p.Workspace, general); err != nil {
			return err
		}
		if err := insertUser(ctx, tx, &owner); err != nil {
			return err
		}
		return record(owner.as(ctx), tx, Event{Action: SetUp, Target: owner.target()})
	})
	if violates(err, "workspace_pkey") || violates(err, "channels_name_key") {
		return User{}, &Error{Code: Conflict, Message: "This instance is set up already. Log in instead."}
	}
	return owner.User, wrap("set up the workspace", err)
}

const workspaceColumns = `name, search_language, created_at`

func scanWorkspace(row pgx.Row) (w Workspace, err error) {
	err = row.Scan(&w.Name, &w.SearchLanguage, &w.CreatedAt)
	return w, err
}

// Workspace returns the workspace, NotFound before [Store.Setup].
func (s *Store) Workspace(ctx context.Context) (Workspace, error) {
	w, err := one(ctx, s, scanWorkspace, "SELECT "+workspaceColumns+" FROM workspace")
	if noRows(err) {
		return w, notFound("workspace")
	}
	return w, wrap("read the workspace", err)
}

// UpdateWorkspace changes what p names. The index of messages is brought into another language by and by, see
// [Store.KeepIndex].
func (s *Store) UpdateWorkspace(ctx context.Context, p WorkspaceParams) (w Workspace, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace ORDER BY 1`)
		languages, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if p.SearchLanguage != nil && !slices.Contains(languages, *p.SearchLanguage) {
			return invalid("search_language", "must be one of "+strings.Join(languages, ", "))
		}
		w, err = scanWorkspace(tx.QueryRow(ctx, `
			UPDATE workspace SET search_language = coalesce($1, search_language) RETURNING `+workspaceColumns, p.SearchLanguage))
		if err != nil || p.SearchLanguage == nil {
			return err
		}
		return record(ctx, tx, Event{Action: WorkspaceChanged, Target: Target{Kind: "workspace", Name: w.Name},
			Details: map[string]string{"search_language": w.SearchLanguage}})
	})
	return w, wrap("change the workspace", err)
}
