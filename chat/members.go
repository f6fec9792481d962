package chat

import (
	"context"

	"github.com/google/uuid"

	"snug/store"
)

type membersInput struct {
	ID    uuid.UUID `path:"id" format:"uuid"`
	After string    `query:"after" maxLength:"32" doc:"Only those whose usernames come after this one"`
	Limit int       `query:"limit" minimum:"1" maximum:"200" default:"100"`
}

type membersOutput struct {
	Body struct {
		Members []store.User `json:"members"`
		HasMore bool         `json:"has_more" doc:"There are more after the last of these"`
	}
}

func (s *Server) listMembers(ctx context.Context, in *membersInput) (*membersOutput, error) {
	out := &membersOutput{}
	var err error
	out.Body.Members, out.Body.HasMore, err = s.store.Members(ctx, identityOf(ctx).User.ID, in.ID, in.After, in.Limit)
	return out, err
}

func (s *Server) joinChannel(ctx context.Context, in *idInput) (*channelOutput, error) {
	moves, err := s.store.Join(ctx, identityOf(ctx).User.ID, in.ID)
	if err != nil {
		return nil, err
	}
	s.tellJoined(moves)
	return s.getChannel(ctx, in)
}

type userIDs struct {
	UserIDs []uuid.UUID `json:"user_ids" minItems:"1" maxItems:"100"`
}

type addMembersInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body userIDs
}

func (s *Server) addMembers(ctx context.Context, in *addMembersInput) (*channelOutput, error) {
	moves, err := s.store.AddMembers(ctx, identityOf(ctx).User.ID, in.ID, in.Body.UserIDs)
	if err != nil {
		return nil, err
	}
	s.tellJoined(moves)
	return s.getChannel(ctx, &idInput{ID: in.ID})
}

func (s *Server) tellJoined(moves store.Moves) {
	for _, m := range moves.List {
		s.hub.joined(m.Change, moves.Channel.ToNewcomer(), m.User.ID, memberFrame{Type: "member", ChannelID: m.ChannelID, User: m.User})
	}
}

func (s *Server) leaveChannel(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.tellLeft(s.store.Leave(ctx, identityOf(ctx).User.ID, in.ID))
}

type removeMembersInput struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	UserID uuid.UUID `query:"user_id" format:"uuid" doc:"Whom to take out, instead of a body"`
	Body   *userIDs
}

func (s *Server) removeMembers(ctx context.Context, in *removeMembersInput) (*struct{}, error) {
	var whom []uuid.UUID
	if in.Body != nil {
		whom = in.Body.UserIDs
	}
	if in.UserID != uuid.Nil {
		whom = append(whom, in.UserID)
	}
	return nil, s.tellLeft(s.store.RemoveMembers(ctx, identityOf(ctx).User.ID, in.ID, whom))
}

type removeMemberInput struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	UserID uuid.UUID `path:"user_id" format:"uuid"`
}

func (s *Server) removeMember(ctx context.Context, in *removeMemberInput) (*struct{}, error) {
	return nil, s.tellLeft(s.store.RemoveMembers(ctx, identityOf(ctx).User.ID, in.ID, []uuid.UUID{in.UserID}))
}

func (s *Server) tellLeft(moves store.Moves, err error) error {
	for _, m := range moves.List {
		s.hub.left(m.Change, m.User.ID, memberFrame{Type: "member", ChannelID: m.ChannelID, User: m.User, Left: true})
	}
	return err
}
