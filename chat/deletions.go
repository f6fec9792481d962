package chat

import (
	"context"

	"snug/store"
)

func (s *Server) deleteMessage(ctx context.Context, in *idInput) (*struct{}, error) {
	who := identityOf(ctx).User
	d, err := s.store.DeleteMessage(ctx, who.ID, in.ID, moderates(who.Role))
	if err != nil {
		return nil, err
	}
	s.hub.updated(d.Change, &d.Message)
	if d.Parent != nil {
		s.hub.updated(store.Change{ChannelID: d.Parent.ChannelID, Rev: d.Parent.Rev}, d.Parent)
	}
	return nil, nil
}

// moderates reports whether a role may delete what others have written, in the channels that its bearer is in.
func moderates(role store.Role) bool { return role == store.Owner || role == store.Admin }
