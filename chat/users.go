package chat

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

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
	if _, err := s.store.Invitation(ctx, in.Body.Invite); err != nil { // before the work of hashing
		return nil, s.wrongCode(ctx, err)
	}
	address := network(requestOf(ctx).ip)
	if err := s.limits.take(ctx, triesWithInvite, in.Body.Invite, address); err != nil {
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
	s.limits.giveBack(ctx, triesWithInvite, in.Body.Invite, address)
	s.announceMember(ctx, user)
	return s.beginSession(ctx, user, hash)
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
		s.hub.sightChanged(channel, user.ID)
	}
}

type userOutput struct{ Body store.User }

func (s *Server) getMe(ctx context.Context, _ *struct{}) (*userOutput, error) {
	return &userOutput{Body: identityOf(ctx).User}, nil
}

type updateMeInput struct {
	Body struct {
		DisplayName *string `json:"display_name,omitempty" doc:"1 to 80 characters"`
		Title       *string `json:"title,omitempty" doc:"What you do; at most 80 characters"`
		StatusText  *string `json:"status_text,omitempty" doc:"What you are at; at most 100 characters"`
		StatusEmoji *string `json:"status_emoji,omitempty" doc:"An emoji, or the name of one such as :palm_tree:; none when empty"`
	}
}

func (s *Server) updateMe(ctx context.Context, in *updateMeInput) (*userOutput, error) {
	profile := store.ProfileParams{
		Title: trimmed(in.Body.Title), StatusText: trimmed(in.Body.StatusText), StatusEmoji: trimmed(in.Body.StatusEmoji),
	}
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
	s.hub.userChanged(user)
	return &userOutput{Body: user}, nil
}

// trimmed is the text without space around it; nil stays nil.
func trimmed(text *string) *string {
	if text == nil {
		return nil
	}
	without := strings.TrimSpace(*text)
	return &without
}

type usersInput struct {
	After string `query:"after" maxLength:"64" doc:"Those whose usernames come after this one"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"1000"`
}

type usersOutput struct {
	Body struct {
		Users   []store.User `json:"users"`
		HasMore bool         `json:"has_more"`
	}
}

func (s *Server) listUsers(ctx context.Context, in *usersInput) (*usersOutput, error) {
	users, more, err := s.store.Users(ctx, store.UsersPage{Viewer: identityOf(ctx).User.ID, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &usersOutput{}
	out.Body.Users, out.Body.HasMore = users, more
	return out, nil
}

func (s *Server) getUser(ctx context.Context, in *idInput) (*userOutput, error) {
	user, err := s.store.SeenUser(ctx, identityOf(ctx).User.ID, in.ID)
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: user}, nil
}

type changeUserInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Role   *store.Role `json:"role,omitempty" enum:"owner,admin,member,guest"`
		Active *bool       `json:"active,omitempty" doc:"Who is not active cannot log in; what they wrote stays"`
	}
}

const changeUserDescription = "Owners may change everybody, admins members and guests; only owners make owners and admins. The last " +
	"owner stays. Of who is deactivated all logins end, and with them their sockets."

func (s *Server) changeUser(ctx context.Context, in *changeUserInput) (*userOutput, error) {
	who := identityOf(ctx).User
	if in.Body.Role != nil {
		if err := store.Appoints(who, *in.Body.Role); err != nil {
			return nil, err
		}
	}
	user, ended, err := s.store.ChangeStanding(ctx, in.ID, store.StandingParams{Role: in.Body.Role, Active: in.Body.Active}, store.Manages(who))
	if err != nil {
		return nil, err
	}
	s.endSessions(ended)
	s.hub.userChanged(user)
	return &userOutput{Body: user}, nil
}
