package chat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"snug/store"
)

type createInviteInput struct {
	Body struct {
		Role      store.Role  `json:"role,omitempty" enum:"admin,member,guest" default:"member"`
		MaxUses   *int        `json:"max_uses,omitempty" minimum:"1" maximum:"1000000" doc:"How many may use it; any number when left out"`
		ExpiresIn *int64      `json:"expires_in,omitempty" minimum:"60" maximum:"31536000" doc:"Seconds until it ends; never when left out"`
		Channels  []uuid.UUID `json:"channels,omitempty" maxItems:"50" doc:"Channels to join besides #general; of guests, all that they see"`
	}
}

type inviteOutput struct{ Body store.Invite }

func (s *Server) createInvite(ctx context.Context, in *createInviteInput) (*inviteOutput, error) {
	who := identityOf(ctx).User
	if err := store.Appoints(who, in.Body.Role); err != nil {
		return nil, err
	}
	if err := s.limits.take(ctx, newInvites, who.ID.String()); err != nil {
		return nil, err
	}
	params := store.InviteParams{Role: in.Body.Role, MaxUses: in.Body.MaxUses, CreatedBy: who.ID, Channels: in.Body.Channels}
	if in.Body.ExpiresIn != nil {
		end := time.Now().Add(time.Duration(*in.Body.ExpiresIn) * time.Second)
		params.ExpiresAt = &end
	}
	invite, err := s.store.CreateInvite(ctx, params)
	if err != nil {
		return nil, err
	}
	return &inviteOutput{Body: s.withURL(ctx, invite)}, nil
}

// withURL adds where the invite is to be opened.
func (s *Server) withURL(ctx context.Context, invite store.Invite) store.Invite {
	invite.URL = InviteURL(s.origin(requestOf(ctx)), invite.Code)
	return invite
}

type invitesOutput struct {
	Body struct {
		Invites []store.Invite `json:"invites"`
	}
}

func (s *Server) listInvites(ctx context.Context, _ *struct{}) (*invitesOutput, error) {
	invites, err := s.store.Invites(ctx)
	if err != nil {
		return nil, err
	}
	for i := range invites {
		invites[i] = s.withURL(ctx, invites[i])
	}
	out := &invitesOutput{}
	out.Body.Invites = invites
	return out, nil
}

type idInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) deleteInvite(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.store.DeleteInvite(ctx, in.ID)
}

type codeInput struct {
	Code string `path:"code" maxLength:"200"`
}

type invitationOutput struct{ Body store.Invitation }

// getInvitation tells whoever holds an invite what it is for.
func (s *Server) getInvitation(ctx context.Context, in *codeInput) (*invitationOutput, error) {
	invitation, err := s.store.Invitation(ctx, in.Code)
	if err != nil {
		return nil, s.wrongCode(ctx, err)
	}
	return &invitationOutput{Body: invitation}, nil
}
