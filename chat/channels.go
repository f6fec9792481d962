package chat

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"snug/store"
)

// What the description of the API says beyond the summaries.
const (
	lookDescription = "Members see their channels. All but guests see every public channel, and can read its messages before they join; " +
		"`joined` tells which it is. Any other channel answers as one that does not exist."
	changeDescription = "Members say what a channel is about; who made it, admins and owners rename it and archive it. " +
		"In an archived channel nothing changes until it is brought back, by the same people."
	deleteDescription = "By who made it, admins and owners. There is no way back. The channel that everybody is in stays."
	notifyDescription = "`all`: every message counts as unread; `mentions`: only those that name me; `none`: the channel is muted. " +
		"`unread` and `mentions` of the channel keep to it; `last_seq` and `read_seq` say what there is all the same."
	leaveDescription   = "The channel that everybody is in, and direct conversations, cannot be left."
	bringDescription   = "By any member but guests. Who is in it already stays; nobody comes if one of them is unknown or not active."
	takeOutDescription = "By who made the channel, admins and owners. Name them in the body, or one in the query. " +
		"Nothing of the channel reaches them any more."
	directDescription = "The same people always have the same conversation: 201 when it is new, 200 when it was there. " +
		"With only my own id it is a place for notes."
)

type channelsInput struct {
	Browse bool   `query:"browse" doc:"The public channels that I am not in, by name, instead of mine"`
	After  string `query:"after" maxLength:"80" doc:"With browse: only those whose names come after this one"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"100" doc:"With browse: how many"`
}

type channelsOutput struct {
	Body struct {
		Channels []store.Membership `json:"channels"`
		HasMore  bool               `json:"has_more" doc:"There are more after the last of these"`
	}
}

func (s *Server) listChannels(ctx context.Context, in *channelsInput) (*channelsOutput, error) {
	out, me := &channelsOutput{}, identityOf(ctx).User.ID
	var err error
	if in.Browse {
		out.Body.Channels, out.Body.HasMore, err = s.store.Browse(ctx, me, in.After, in.Limit)
	} else {
		out.Body.Channels, err = s.store.Channels(ctx, me)
	}
	return out, err
}

type channelOutput struct{ Body store.Membership }

func (s *Server) getChannel(ctx context.Context, in *idInput) (*channelOutput, error) {
	channel, err := s.store.Look(ctx, identityOf(ctx).User.ID, in.ID)
	return &channelOutput{Body: channel}, err
}

type createChannelInput struct {
	Body struct {
		Name        string `json:"name" minLength:"1" maxLength:"80" doc:"Without spaces, capital letters (A-Z) or # @ , :"`
		Private     bool   `json:"private,omitempty" doc:"Only its members can see it"`
		Topic       string `json:"topic,omitempty" maxLength:"250"`
		Description string `json:"description,omitempty" maxLength:"1000"`
	}
}

func (s *Server) createChannel(ctx context.Context, in *createChannelInput) (*channelOutput, error) {
	me := identityOf(ctx).User.ID
	if err := s.limits.take(ctx, newChannels, me.String()); err != nil {
		return nil, err
	}
	channel, err := s.store.CreateChannel(ctx, me, store.NewChannel{
		Name: in.Body.Name, Topic: in.Body.Topic, Description: in.Body.Description, Private: in.Body.Private,
	})
	if err != nil {
		return nil, err
	}
	s.hub.came(me, channel)
	return &channelOutput{Body: channel}, nil
}

type updateChannelInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Name        *string `json:"name,omitempty" minLength:"1" maxLength:"80" doc:"Without spaces, capital letters (A-Z) or # @ , :"`
		Topic       *string `json:"topic,omitempty" maxLength:"250"`
		Description *string `json:"description,omitempty" maxLength:"1000"`
		Archived    *bool   `json:"archived,omitempty" doc:"An archived channel can be read, and nothing in it changes"`
	}
}

func (s *Server) updateChannel(ctx context.Context, in *updateChannelInput) (*channelOutput, error) {
	me := identityOf(ctx).User.ID
	channel, change, err := s.store.UpdateChannel(ctx, me, in.ID, store.ChannelParams{
		Name: in.Body.Name, Topic: in.Body.Topic, Description: in.Body.Description, Archived: in.Body.Archived,
	})
	if err != nil {
		return nil, err
	}
	s.hub.changed(change, stateFrame{Type: "channel", Channel: channel})
	return s.getChannel(ctx, &idInput{ID: in.ID})
}

func (s *Server) deleteChannel(ctx context.Context, in *idInput) (*struct{}, error) {
	if err := s.store.DeleteChannel(ctx, identityOf(ctx).User.ID, in.ID); err != nil {
		return nil, err
	}
	s.hub.deleted(in.ID)
	return nil, nil
}

type notifyInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Level store.Notify `json:"level" enum:"all,mentions,none" doc:"What counts as unread: everything, only what names me, or nothing"`
	}
}

func (s *Server) setNotify(ctx context.Context, in *notifyInput) (*channelOutput, error) {
	me := identityOf(ctx).User.ID
	channel, err := s.store.SetNotify(ctx, me, in.ID, in.Body.Level)
	if err != nil {
		return nil, err
	}
	s.hub.tell(audience{User: me, Channel: in.ID}, channelFrame{Type: "channel", Channel: channel})
	return &channelOutput{Body: channel}, nil
}

type directInput struct {
	Body struct {
		UserIDs []uuid.UUID `json:"user_ids" minItems:"1" maxItems:"100" doc:"With whom: up to 8 others, or only myself"`
	}
}

type directOutput struct {
	Status int
	Body   store.Membership
}

func (s *Server) openDirect(ctx context.Context, in *directInput) (*directOutput, error) {
	me := identityOf(ctx).User.ID
	if err := s.limits.take(ctx, newChannels, me.String()); err != nil {
		return nil, err
	}
	channel, created, err := s.store.OpenDirect(ctx, me, in.Body.UserIDs)
	if err != nil {
		return nil, err
	}
	if !created {
		return &directOutput{Status: http.StatusOK, Body: channel}, nil
	}
	for _, user := range channel.UserIDs { // to whom it is as new
		s.hub.came(user, channel)
	}
	return &directOutput{Status: http.StatusCreated, Body: channel}, nil
}

type readInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Seq int64 `json:"seq" minimum:"0" doc:"Of the newest message that was read"`
	}
}

func (s *Server) markRead(ctx context.Context, in *readInput) (*channelOutput, error) {
	return s.toldRead(s.store.MarkRead(ctx, identityOf(ctx).User.ID, in.ID, in.Body.Seq))
}

type unreadInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Seq int64 `json:"seq" minimum:"1" doc:"Of the message that is the first unread one from now on, if none before it is"`
	}
}

func (s *Server) markUnread(ctx context.Context, in *unreadInput) (*channelOutput, error) {
	return s.toldRead(s.store.MarkUnread(ctx, identityOf(ctx).User.ID, in.ID, in.Body.Seq))
}

// toldRead tells all sockets of a user how far a channel is read, after that was changed.
func (s *Server) toldRead(channel store.Membership, err error) (*channelOutput, error) {
	if err != nil {
		return nil, err
	}
	s.hub.tell(audience{User: channel.UserID, Channel: channel.ID}, readFrame{
		Type: "read", ChannelID: channel.ID, Seq: channel.ReadSeq, Unread: channel.Unread, Mentions: channel.Mentions,
	})
	return &channelOutput{Body: channel}, nil
}
