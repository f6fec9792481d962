package chat

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"snug/chat/picture"
	"snug/store"
)

// avatarLimit is how large a picture may be of which an avatar is made, in bytes.
const avatarLimit = 10 << 20

const avatarDescription = "A PNG, JPEG, GIF or WebP picture of at most 10 MB. What is kept is its middle, small, without what cameras write into pictures."

func (s *Server) setAvatar(c *fiber.Ctx) error {
	who := identityOf(c.UserContext()).User.ID
	ready, err := s.uploads.begin(who)
	if err != nil {
		return err
	}
	defer ready()
	u, err := s.receive(c, avatarLimit)
	if err != nil {
		return err
	}
	defer u.discard()
	ctx, cancel := s.afterBody(c)
	defer cancel()
	if err := u.detect(); err != nil {
		return err
	}
	info, err := picture.Inspect(u, u.Size(), u.mediaType)
	var made picture.Made
	if err == nil {
		made, err = s.uploads.pictures.Avatar(ctx, u, u.Size(), info)
	}
	if err != nil {
		return s.notAPicture(ctx, err)
	}
	user, err := s.store.SetAvatar(ctx, who, store.Avatar{Type: made.Type, Picture: made.Bytes}, sha256.Sum256(made.Bytes))
	if err != nil {
		return err
	}
	s.hub.userChanged(user)
	return c.JSON(user)
}

// notAPicture is the error of something that no avatar can be made of.
func (s *Server) notAPicture(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return newProblem(store.Unavailable, "Many pictures are being made at the moment. Try again in a moment.")
	}
	s.log.Debug("no avatar of that", "error", err)
	return invalidField("file", "must be a PNG, JPEG, GIF or WebP picture that is not too large")
}

func (s *Server) deleteAvatar(ctx context.Context, _ *struct{}) (*userOutput, error) {
	user, err := s.store.DeleteAvatar(ctx, identityOf(ctx).User.ID)
	if err != nil {
		return nil, err
	}
	s.hub.userChanged(user)
	return &userOutput{Body: user}, nil
}

func (s *Server) getAvatar(c *fiber.Ctx) error {
	id, err := uuid.Parse(c.Params("id"))
	if err != nil {
		return fiber.ErrNotFound
	}
	avatar, err := s.store.Avatar(c.UserContext(), identityOf(c.UserContext()).User.ID, id)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(avatar.Picture)
	f := sending{mediaType: avatar.Type, name: "avatar." + strings.TrimPrefix(avatar.Type, "image/"), etag: fmt.Sprintf(`"%x"`, sum[:16])}
	f.headers(c)
	if matches(c.Get(fiber.HeaderIfNoneMatch), f.etag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	return c.Send(avatar.Picture)
}
