package chat

import (
	"context"
	"net/url"

	"github.com/google/uuid"

	"snug/store"
)

type reactionInput struct {
	ID    uuid.UUID `path:"id" format:"uuid"`
	Emoji string    `path:"emoji" doc:"One emoji, or its name, as :tada:; both are the same reaction"`
}

func (s *Server) addReaction(ctx context.Context, in *reactionInput) (*struct{}, error) {
	return s.react(ctx, in, true, s.store.AddReaction)
}

func (s *Server) removeReaction(ctx context.Context, in *reactionInput) (*struct{}, error) {
	return s.react(ctx, in, false, s.store.RemoveReaction)
}

func (s *Server) react(ctx context.Context, in *reactionInput, added bool,
	do func(context.Context, store.ReactionParams) (store.Change, store.Message, error),
) (*struct{}, error) {
	emoji, err := url.PathUnescape(in.Emoji)
	if err != nil {
		return nil, invalidField("emoji", "must be percent-encoded UTF-8")
	}
	if emoji, err = store.CanonicalEmoji(emoji); err != nil {
		return nil, err
	}
	user := identityOf(ctx).User.ID
	change, message, err := do(ctx, store.ReactionParams{UserID: user, MessageID: in.ID, Emoji: emoji})
	if err != nil {
		return nil, err
	}
	s.hub.changed(change, reactionFrame{
		Type: "reaction", ChannelID: message.ChannelID, MessageID: message.ID, Emoji: emoji, UserID: user, Added: added,
		Reactions: message.Reactions,
	})
	return nil, nil
}
