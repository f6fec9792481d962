package chat

import (
	"context"

	"github.com/google/uuid"

	"snug/store"
)

type channelsOutput struct {
	Body struct {
		Channels []store.Membership `json:"channels"`
	}
}

func (s *Server) listChannels(ctx context.Context, _ *struct{}) (*channelsOutput, error) {
	channels, err := s.store.Channels(ctx, identityOf(ctx).User.ID)
	if err != nil {
		return nil, err
	}
	out := &channelsOutput{}
	out.Body.Channels = channels
	return out, nil
}

type channelOutput struct{ Body store.Membership }

func (s *Server) getChannel(ctx context.Context, in *idInput) (*channelOutput, error) {
	channel, err := s.store.Channel(ctx, identityOf(ctx).User.ID, in.ID)
	if err != nil {
		return nil, err
	}
	return &channelOutput{Body: channel}, nil
}

type readInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Seq int64 `json:"seq" minimum:"0" doc:"Of the newest message that was read"`
	}
}

func (s *Server) markRead(ctx context.Context, in *readInput) (*channelOutput, error) {
	channel, err := s.markReadBy(ctx, identityOf(ctx).User.ID, in.ID, in.Body.Seq)
	if err != nil {
		return nil, err
	}
	return &channelOutput{Body: channel}, nil
}

// markReadBy notes how far the user has read, and tells the user's other sockets.
func (s *Server) markReadBy(ctx context.Context, userID, channelID uuid.UUID, seq int64) (store.Membership, error) {
	channel, err := s.store.MarkRead(ctx, userID, channelID, seq)
	if err != nil {
		return channel, err
	}
	s.hub.tell(audience{User: userID}, readFrame{
		Type: "read", ChannelID: channelID, Seq: channel.ReadSeq, Unread: channel.Unread, Mentions: channel.Mentions,
	})
	return channel, nil
}
