package chat

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"snug/store"
)

// Account is what somebody says who makes one.
type Account struct {
	Username    string `json:"username" pattern:"^[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?$" patternDescription:"1 to 32 lower-case letters (a-z), digits, or . _ - between them"`
	DisplayName string `json:"display_name,omitempty" doc:"1 to 80 characters; the username when left out"`
	Password    string `json:"password" minLength:"8" maxLength:"200" doc:"8 to 200 characters, of any kind"`
}

// check returns the account with its names trimmed.
func (a Account) check() (Account, error) {
	if strings.TrimSpace(a.DisplayName) == "" {
		a.DisplayName = a.Username
	}
	var err error
	a.DisplayName, err = oneLine("display_name", a.DisplayName)
	return a, err
}

// oneLine trims a name and wants 1 to 80 characters, none of them a line break or another control.
func oneLine(field, name string) (string, error) {
	const most = 80
	name = strings.TrimSpace(name)
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return "", invalidField(field, "must not be empty")
	case n > most:
		return "", invalidField(field, fmt.Sprintf("must have at most %d characters", most))
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", invalidField(field, "must be one line of plain text")
	}
	return name, nil
}

type registerInput struct {
	Body struct {
		Invite string `json:"invite" minLength:"1" maxLength:"200" doc:"The code of the invite"`
		Account
	}
}

func (s *Server) register(ctx context.Context, in *registerInput) (*loginOutput, error) {
	account, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	hash, err := s.passwords.hash(ctx, account.Password)
	if err != nil {
		return nil, err
	}
	user, err := s.store.Register(ctx, store.RegisterParams{
		InviteCode: in.Body.Invite, Username: account.Username, DisplayName: account.DisplayName, PasswordHash: hash,
	})
	if err != nil {
		return nil, err
	}
	s.announceMember(ctx, user)
	return s.beginSession(ctx, user)
}

// announceMember tells the members of the new user's channels who has come. What is said is a courtesy: when the
// database goes away in between, the next look at the users shows the newcomer all the same.
func (s *Server) announceMember(ctx context.Context, user store.User) {
	channels, err := s.store.ChannelIDs(ctx, user.ID)
	if err != nil {
		s.log.Warn("new member is not announced", "error", err)
		return
	}
	for _, channel := range channels {
		s.hub.tell(audience{Channel: channel}, memberFrame{Type: "member", ChannelID: channel, User: user})
	}
}

type userOutput struct{ Body store.User }

func (s *Server) getMe(ctx context.Context, _ *struct{}) (*userOutput, error) {
	return &userOutput{Body: identityOf(ctx).User}, nil
}

type updateMeInput struct {
	Body struct {
		DisplayName *string `json:"display_name,omitempty" doc:"1 to 80 characters"`
	}
}

func (s *Server) updateMe(ctx context.Context, in *updateMeInput) (*userOutput, error) {
	profile := store.ProfileParams{}
	if in.Body.DisplayName != nil {
		name, err := oneLine("display_name", *in.Body.DisplayName)
		if err != nil {
			return nil, err
		}
		profile.DisplayName = &name
	}
	user, err := s.store.UpdateProfile(ctx, identityOf(ctx).User.ID, profile)
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: user}, nil
}

type usersOutput struct {
	Body struct {
		Users []store.User `json:"users"`
	}
}

func (s *Server) listUsers(ctx context.Context, _ *struct{}) (*usersOutput, error) {
	users, _, err := s.store.Users(ctx, store.UsersPage{Viewer: identityOf(ctx).User.ID, Limit: store.MaxUsersPage})
	if err != nil {
		return nil, err
	}
	out := &usersOutput{}
	out.Body.Users = users
	return out, nil
}
