package chat

import (
	"context"

	"snug/store"
)

func (s *Server) deleteMessage(ctx context.Context, in *idInput) (*struct{}, error) {
	d, err := s.store.DeleteMessage(ctx, identityOf(ctx).User.ID, in.ID)
	if err != nil {
		return nil, err
	}
	s.hub.updated(d.Change, &d.Message)
	if d.Parent != nil {
		s.hub.updated(store.Change{ChannelID: d.Parent.ChannelID, Rev: d.Parent.Rev}, d.Parent)
	}
	return nil, nil
}
