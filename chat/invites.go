package chat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"snug/store"
)

type createInviteInput struct {
	Body struct {
		Role      store.Role `json:"role,omitempty" enum:"admin,member,guest" default:"member"`
		MaxUses   *int       `json:"max_uses,omitempty" minimum:"1" maximum:"1000000" doc:"How many may use it; any number when left out"`
		ExpiresIn *int64     `json:"expires_in,omitempty" minimum:"60" maximum:"31536000" doc:"Seconds until it ends; never when left out"`
	}
}

type inviteOutput struct{ Body store.Invite }

func (s *Server) createInvite(ctx context.Context, in *createInviteInput) (*inviteOutput, error) {
	who := identityOf(ctx).User
	if in.Body.Role == store.Admin && who.Role != store.Owner {
		return nil, newProblem(store.Forbidden, "Only owners may invite admins.")
	}
	params := store.InviteParams{Role: in.Body.Role, MaxUses: in.Body.MaxUses, CreatedBy: who.ID}
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
	invite.URL = s.origin(requestOf(ctx)) + "/invite/" + invite.Code
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
