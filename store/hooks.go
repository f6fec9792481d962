package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Hook is an address at which programs send to a channel.
type Hook struct {
	ID        uuid.UUID `json:"id"`
	Name      string    `json:"name"` // what it writes as, unless a message says otherwise
	ChannelID uuid.UUID `json:"channel_id"`
	UserID    uuid.UUID `json:"user_id"` // the author of its messages
	CreatedBy uuid.UUID `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`

	Archived bool `json:"-"` // the channel is
}

// NewHook is what a hook is made of.
type NewHook struct {
	ChannelID uuid.UUID
	Name      string
	TokenHash []byte
}

// MaxHooks is how many hooks a channel may have.
const MaxHooks = 20

const hookColumns = `h.id, b.display_name, h.channel_id, h.user_id, h.created_by, h.created_at, c.archived`

const fromHooks = ` FROM hooks h JOIN users b ON b.id = h.user_id JOIN channels c ON c.id = h.channel_id`

func scanHook(row pgx.Row) (Hook, error) { return scanHookAnd(row) }

// scanHookAnd scans hookColumns and what follows them.
func scanHookAnd(row pgx.Row, more ...any) (h Hook, err error) {
	err = row.Scan(append([]any{&h.ID, &h.Name, &h.ChannelID, &h.UserID, &h.CreatedBy, &h.CreatedAt, &h.Archived}, more...)...)
	return h, err
}

const insertHook = `
	WITH bot AS (
		INSERT INTO users (id, username, display_name, role, password_hash, bot) VALUES ($2, $3, $4, $8, '', true)
	)
	INSERT INTO hooks (id, channel_id, user_id, token_hash, created_by) VALUES ($1, $5, $2, $6, $7) RETURNING created_at`

// CreateHook makes a hook of a channel that the user is in. It answers Conflict when there are MaxHooks of it.
func (s *Store) CreateHook(ctx context.Context, by uuid.UUID, p NewHook) (Hook, error) {
	var check checker
	if check.text("name", p.Name, 80); check.err() != nil {
		return Hook{}, check.err()
	}
	hook := Hook{ID: newID(), Name: p.Name, ChannelID: p.ChannelID, UserID: newID(), CreatedBy: by}
	username := "hook-" + strings.ReplaceAll(hook.UserID.String(), "-", "")[20:]
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		as, err := scanStanding(tx.QueryRow(ctx, selectStanding+` FOR SHARE OF c`, by, p.ChannelID))
		if noRows(err) {
			return notFound("channel")
		}
		if err != nil {
			return err
		}
		if err := as.hooks(); err != nil {
			return err
		}
		var count int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM hooks WHERE channel_id = $1`, p.ChannelID).Scan(&count); err != nil {
			return err
		}
		if count >= MaxHooks {
			return &Error{Code: Conflict, Message: fmt.Sprintf("This channel has %d webhooks already. Delete one that is not used.", MaxHooks)}
		}
		err = tx.QueryRow(ctx, insertHook, hook.ID, hook.UserID, username, p.Name, p.ChannelID, p.TokenHash, by, botRole).Scan(&hook.CreatedAt)
		if err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: HookCreated, Target: hook.target(), Details: map[string]string{"channel": p.ChannelID.String()}})
	})
	if err != nil {
		return Hook{}, wrap("create hook", err)
	}
	return hook, nil
}

func (h Hook) target() Target { return Target{Kind: "hook", ID: h.ID, Name: h.Name} }

// Hooks returns the hooks that the user may see, the newest first, of one channel or, with a zero id, of all.
func (s *Store) Hooks(ctx context.Context, userID, channelID uuid.UUID) ([]Hook, error) {
	list, err := all(ctx, s, scanHook, `SELECT `+hookColumns+fromHooks+` JOIN users u ON u.id = $1
		WHERE `+maySeeHook+` AND ($2::uuid IS NULL OR h.channel_id = $2) ORDER BY h.created_at DESC, h.id DESC LIMIT 1000`,
		userID, uuid.NullUUID{UUID: channelID, Valid: channelID != uuid.Nil})
	return list, wrap("list hooks", err)
}

// DeleteHook takes a hook away; what it has written stays. It answers NotFound unless the user may see it, and Forbidden
// unless they have made it or manage its channel.
func (s *Store) DeleteHook(ctx context.Context, by, id uuid.UUID) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var may bool
		hook, err := scanHookAnd(tx.QueryRow(ctx, `SELECT `+hookColumns+`, `+mayDeleteHook+fromHooks+` JOIN users u ON u.id = $1
			WHERE h.id = $2 AND `+maySeeHook+` FOR UPDATE OF h`, by, id), &may)
		switch {
		case noRows(err):
			return notFound("webhook")
		case err != nil:
			return err
		case !may:
			return errOthersHook
		}
		_, err = tx.Exec(ctx, `
			WITH gone AS (DELETE FROM hooks WHERE id = $1 RETURNING user_id)
			UPDATE users SET active = false WHERE id IN (SELECT user_id FROM gone)`, id)
		if err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: HookDeleted, Target: hook.target(), Details: map[string]string{"channel": hook.ChannelID.String()}})
	})
	return wrap("delete hook", err)
}

// HookByToken returns the hook whose token has that hash, NotFound if there is none.
func (s *Store) HookByToken(ctx context.Context, hash []byte) (Hook, error) {
	hook, err := one(ctx, s, scanHook, `SELECT `+hookColumns+fromHooks+` WHERE h.token_hash = $1`, hash)
	if noRows(err) {
		return hook, notFound("webhook")
	}
	return hook, wrap("find hook", err)
}

// Usernames returns the names of those users who are in the channel, for mentions by id.
func (s *Store) Usernames(ctx context.Context, channelID uuid.UUID, userIDs []uuid.UUID) (map[uuid.UUID]string, error) {
	names := map[uuid.UUID]string{}
	_, err := all(ctx, s, func(row pgx.Row) (struct{}, error) {
		var id uuid.UUID
		var name string
		err := row.Scan(&id, &name)
		names[id] = name
		return struct{}{}, err
	}, `SELECT u.id, u.username FROM channel_members m JOIN users u ON u.id = m.user_id WHERE m.channel_id = $1 AND u.id = ANY ($2)`,
		channelID, userIDs)
	return names, wrap("find names of users", err)
}
