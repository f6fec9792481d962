package store

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Avatar is the picture that a user has of themselves.
type Avatar struct {
	Type    string // image/png or image/jpeg
	Picture []byte
}

// SetAvatar gives a user a picture, by whose content its address differs from those before, and returns the user as they
// are then.
func (s *Store) SetAvatar(ctx context.Context, userID uuid.UUID, a Avatar, hash [32]byte) (User, error) {
	address := fmt.Sprintf("/api/users/%s/avatar?v=%s", userID, hex.EncodeToString(hash[:8]))
	u, err := one(ctx, s, scanUser, `
		WITH kept AS (
			INSERT INTO avatars (user_id, type, picture) VALUES ($1, $2, $3)
			ON CONFLICT (user_id) DO UPDATE SET type = excluded.type, picture = excluded.picture
		)
		UPDATE users u SET avatar_url = $4 WHERE u.id = $1 RETURNING `+userColumns, userID, a.Type, a.Picture, address)
	return u, wrap("set avatar", err)
}

// DeleteAvatar takes the picture away, if there is one, and returns the user as they are then.
func (s *Store) DeleteAvatar(ctx context.Context, userID uuid.UUID) (User, error) {
	u, err := one(ctx, s, scanUser, `
		WITH gone AS (DELETE FROM avatars WHERE user_id = $1)
		UPDATE users u SET avatar_url = '' WHERE u.id = $1 RETURNING `+userColumns, userID)
	return u, wrap("delete avatar", err)
}

// Avatar returns the picture of a user, and answers NotFound unless there is one and the viewer may see the user.
func (s *Store) Avatar(ctx context.Context, viewer, userID uuid.UUID) (Avatar, error) {
	a, err := one(ctx, s, func(row pgx.Row) (a Avatar, err error) {
		err = row.Scan(&a.Type, &a.Picture)
		return a, err
	}, `SELECT a.type, a.picture FROM avatars a JOIN users u ON u.id = a.user_id WHERE u.id = $2 AND `+seenBy, viewer, userID)
	if noRows(err) {
		return a, notFound("picture")
	}
	return a, wrap("read avatar", err)
}
