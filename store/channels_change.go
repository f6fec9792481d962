package store

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The bounds of what is said about a channel, in characters.
const (
	MaxTopic       = 250
	MaxDescription = 1000
)

// NewChannel describes a channel that is to be made.
type NewChannel struct {
	Name, Topic, Description string
	Private                  bool
}

// ChannelParams is what can be changed of a channel; nil leaves it as it is.
type ChannelParams struct {
	Name, Topic, Description *string
	Archived                 *bool
}

// CreateChannel makes a channel with the user alone in it. A name that is taken answers Conflict.
func (s *Store) CreateChannel(ctx context.Context, userID uuid.UUID, p NewChannel) (Membership, error) {
	var check checker
	check.channelName(p.Name)
	check.about("topic", p.Topic, MaxTopic)
	check.about("description", p.Description, MaxDescription)
	if err := check.err(); err != nil {
		return Membership{}, err
	}
	kind, id := Public, newID()
	if p.Private {
		kind = Private
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		made, err := tx.Exec(ctx, `
			INSERT INTO channels (id, kind, name, topic, description, created_by)
			SELECT $1, $2, $3, $4, $5, u.id FROM users u WHERE u.id = $6 AND `+mayMakeChannels,
			id, kind, p.Name, p.Topic, p.Description, userID)
		if err != nil {
			return err
		}
		if made.RowsAffected() == 0 {
			return errGuestsMakeNone
		}
		_, err = tx.Exec(ctx, `INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)`, id, userID)
		return err
	})
	if err != nil {
		return Membership{}, wrap("make channel", channelName(err))
	}
	return s.Channel(ctx, userID, id)
}

// UpdateChannel changes what p names, if the user may: members say what a channel is about; who made it, admins and owners
// rename and archive it. The change has no rev when everything is as it was.
func (s *Store) UpdateChannel(ctx context.Context, userID, channelID uuid.UUID, p ChannelParams) (channel Channel, change Change, err error) {
	if err := p.check(); err != nil {
		return channel, change, err
	}
	change, err = s.inChannelAs(ctx, userID, channelID, func(tx pgx.Tx, rev int64, as Standing) error {
		if err := as.changes(p); err != nil {
			return err
		}
		channel, err = scanChannel(tx.QueryRow(ctx, `
			UPDATE channels c SET state_rev = $2, name = coalesce($3, name), topic = coalesce($4, topic),
				description = coalesce($5, description), archived = coalesce($6, archived)
			WHERE id = $1 AND ($3 <> name OR $4 <> topic OR $5 <> description OR $6 <> archived)
			RETURNING `+channelColumns, channelID, rev, p.Name, p.Topic, p.Description, p.Archived))
		if noRows(err) {
			return errUnchanged
		}
		return err
	})
	if err == nil && change.Rev == 0 {
		m, err := s.Look(ctx, userID, channelID)
		return m.Channel, change, err
	}
	return channel, change, wrap("change channel", channelName(err))
}

func (p ChannelParams) check() error {
	var check checker
	if p.Name != nil {
		check.channelName(*p.Name)
	}
	if p.Topic != nil {
		check.about("topic", *p.Topic, MaxTopic)
	}
	if p.Description != nil {
		check.about("description", *p.Description, MaxDescription)
	}
	return check.err()
}

// DeleteChannel deletes a channel and all that is in it, if the user may.
func (s *Store) DeleteChannel(ctx context.Context, userID, channelID uuid.UUID) error {
	_, err := s.inChannelAs(ctx, userID, channelID, func(tx pgx.Tx, _ int64, as Standing) error {
		if err := as.ends(); err != nil {
			return err
		}
		var name string
		if err := tx.QueryRow(ctx, `DELETE FROM channels WHERE id = $1 RETURNING name`, channelID).Scan(&name); err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: ChannelDeleted, Target: Target{Kind: "channel", ID: channelID, Name: name}})
	})
	return wrap("delete channel", err)
}

// channelName says which rule for names err is about, if it is.
func channelName(err error) error {
	switch {
	case violates(err, "channels_name_key"):
		return &Error{Code: Conflict, Message: "There is a channel of that name.", Fields: map[string]string{"name": "is taken"}}
	case violates(err, "channels_name_check"):
		return &Error{Code: Invalid, Message: "Some of the input is not right.", Fields: map[string]string{"name": channelNameRule}}
	}
	return err
}

const channelNameRule = "must be 1 to 80 characters, without spaces, capital letters (A-Z) or # @ , :"

// channelNamePattern is the rule of the database's own check, but for characters that cannot be seen.
var channelNamePattern = regexp.MustCompile(`^[^\s#@,:A-Z]{1,80}$`)

func (c *checker) channelName(s string) {
	if !storable(s) || !channelNamePattern.MatchString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) {
		c.wrong("name", channelNameRule)
	}
}

// about wants text of so many characters at most, of any number of lines.
func (c *checker) about(field, s string, most int) {
	switch {
	case !storable(s):
		c.wrong(field, "must be text in UTF-8 without NUL")
	case utf8.RuneCountInString(s) > most:
		c.wrong(field, fmt.Sprintf("must have at most %d characters", most))
	}
}
