package store

import (
	"context"
	"errors"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// SearchPage says what to search for.
type SearchPage struct {
	Query  string // as [ParseSearch] understands it
	Cursor string // the Next of the page before; empty for the first
	Limit  int    // 1 to MaxPage
}

// SearchResult is a page of hits, the newest first. It may have fewer hits than wanted, or none, and yet a Next: so much is
// looked at for one page, and no more.
type SearchResult struct {
	Hits    []Hit  `json:"hits"`
	HasMore bool   `json:"has_more"`
	Next    string `json:"next,omitempty" doc:"The cursor of the next page"`
	Behind  int64  `json:"behind,omitempty" doc:"So many of the newest messages are not searched yet, after very many came at once"`
}

// Hit is a message that was searched for.
type Hit struct {
	Channel   HitChannel `json:"channel"`
	Message   Message    `json:"message"`
	Highlight string     `json:"highlight" doc:"Where it fits: plain text as HTML, what was searched for in <mark>"`
}

// HitChannel is where a hit was said.
type HitChannel struct {
	ID      uuid.UUID   `json:"id"`
	Name    string      `json:"name"`
	Kind    ChannelKind `json:"kind"`
	UserIDs []uuid.UUID `json:"user_ids,omitempty" doc:"Of the people of a direct conversation"`
}

// The bounds of one search: how many windows a statement looks into, after the first ones, when no other is begun, and how
// few messages the channels may have together, as a part of all, to be looked for by their words rather than told apart one
// by one.
const (
	windowsAtOnce  = 16
	searchTime     = 500 * time.Millisecond
	smallScope     = 8
	maxScopeWords  = 500
	statementLimit = 3000 // milliseconds
)

// scope is where somebody searches, and whose messages.
type scope struct {
	channels []uuid.UUID
	part     bool        // their messages are few among all
	from     []uuid.UUID // nil: anybody's
	notFrom  []uuid.UUID
	last     int64 // the highest n of a document; -1 when there is none
}

// Search returns what the user may see now of the messages that fit, those sent just before too. Invalid says what is wrong
// with the query. Channels and people that the user cannot see are as those that there are not: nothing is found there.
func (s *Store) Search(ctx context.Context, userID uuid.UUID, p SearchPage) (SearchResult, error) {
	var check checker
	check.limit(p.Limit)
	below := check.searchCursor(p.Cursor)
	if err := check.err(); err != nil {
		return SearchResult{}, err
	}
	q, err := ParseSearch(p.Query, time.Now())
	if err != nil {
		return SearchResult{}, err
	}
	result := SearchResult{Hits: []Hit{}}
	if result.Behind, err = s.IndexMessages(ctx); err != nil {
		return result, err
	}
	in, err := s.scopeOf(ctx, userID, q)
	if err != nil || len(in.channels) == 0 || in.from != nil && len(in.from) == 0 {
		return result, wrap("find where to search", err)
	}
	if below < 0 || below > in.last+1 {
		below = in.last + 1
	}
	found, below, err := s.findDocuments(ctx, q, in, below, p.Limit+1)
	if err != nil {
		return result, err
	}
	if len(found) > p.Limit {
		found, below = found[:p.Limit], found[p.Limit-1]
	}
	if below > 0 {
		result.HasMore, result.Next = true, strconv.FormatInt(below, 10)
	}
	result.Hits, err = s.hits(ctx, userID, q, found)
	return result, wrap("read what was found", err)
}

// searchCursor reads a cursor of [SearchResult]; -1 if there is none.
func (c *checker) searchCursor(cursor string) int64 {
	if cursor == "" {
		return -1
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 1 {
		c.wrong("cursor", "must be the next of the page before")
	}
	return n
}

// searchChannels are those that the user $1 may see; $2 and $3 are the names of channels to search or to leave out, if
// any, and $4 and $5 those of people, whose direct conversations with the user are meant.
const searchChannels = `
	WITH people AS (
		SELECT p.id, lower(p.username) AS name FROM users p WHERE lower(p.username) = ANY ($4::text[] || $5::text[]) OR p.id = $1 AND 'me' = ANY ($4::text[] || $5::text[])
	), named AS (
		SELECT id, CASE WHEN id = $1 AND 'me' = ANY ($4::text[]) OR name = ANY ($4::text[]) THEN 1 ELSE 0 END AS wanted,
			CASE WHEN id = $1 AND 'me' = ANY ($5::text[]) OR name = ANY ($5::text[]) THEN 1 ELSE 0 END AS unwanted FROM people
	)
	SELECT c.id, c.last_seq FROM channels c JOIN users u ON u.id = $1 AND u.active AND ` + mayRead + `
	LEFT JOIN named n ON c.kind = 'direct' AND c.direct_of @> ARRAY[n.id, $1] AND cardinality(c.direct_of) = CASE WHEN n.id = $1 THEN 1 ELSE 2 END
	WHERE (cardinality($2::text[]) + cardinality($4::text[]) = 0 OR c.kind <> 'direct' AND c.name = ANY ($2::text[]) OR n.wanted = 1)
		AND NOT (c.kind <> 'direct' AND c.name = ANY ($3::text[])) AND coalesce(n.unwanted, 0) = 0`

const searchPeople = `SELECT id, lower(username) FROM users WHERE lower(username) = ANY ($2::text[]) OR id = $1 AND 'me' = ANY ($2::text[])`

// searchExtent is the highest n that may have been sent before $1, if that is wanted, and how many messages there are.
var searchExtent = fmt.Sprintf(`
	SELECT coalesce(least((SELECT max(n) FROM search_documents),
			CASE WHEN $1::timestamptz IS NOT NULL THEN (SELECT max(number) * %[1]d + %[1]d - 1 FROM search_windows WHERE first_at < $1) END), -1),
		(SELECT coalesce(sum(last_seq), 0)::bigint FROM channels)`, searchWindow)

// scopeOf finds out where to search.
func (s *Store) scopeOf(ctx context.Context, userID uuid.UUID, q SearchQuery) (in scope, err error) {
	channels, people := split(q.In)
	notChannels, notPeople := split(q.NotIn)
	err = s.retry(ctx, func() error {
		in = scope{}
		batch := &pgx.Batch{}
		batch.Queue(searchChannels, userID, channels, notChannels, people, notPeople)
		batch.Queue(searchPeople, userID, slices.Concat(q.From, q.NotFrom))
		batch.Queue(searchExtent, orNull(q.Until))
		results := s.pool.SendBatch(ctx, batch)
		return errors.Join(in.read(results, userID, q), results.Close())
	})
	return in, err
}

func (in *scope) read(results pgx.BatchResults, userID uuid.UUID, q SearchQuery) error {
	var messages, all int64
	_, err := nextRows(results, func(row pgx.Row) (struct{}, error) {
		var id uuid.UUID
		var last int64
		err := row.Scan(&id, &last)
		in.channels, messages = append(in.channels, id), messages+last
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	if len(q.From) > 0 {
		in.from = []uuid.UUID{}
	}
	_, err = nextRows(results, func(row pgx.Row) (struct{}, error) {
		var id uuid.UUID
		var name string
		err := row.Scan(&id, &name)
		named := func(names []string) bool {
			return slices.Contains(names, name) || id == userID && slices.Contains(names, "me")
		}
		if named(q.From) {
			in.from = append(in.from, id)
		}
		if named(q.NotFrom) {
			in.notFrom = append(in.notFrom, id)
		}
		return struct{}{}, err
	})
	if err == nil {
		err = results.QueryRow().Scan(&in.last, &all)
	}
	in.part = messages < all/smallScope && len(in.channels) <= maxScopeWords
	return err
}

// split parts names of channels from those of people.
func split(names []string) (channels, people []string) {
	channels, people = []string{}, []string{}
	for _, name := range names {
		if person, ok := strings.CutPrefix(name, "@"); ok {
			people = append(people, person)
		} else {
			channels = append(channels, strings.TrimPrefix(name, "#"))
		}
	}
	return channels, people
}

// filters is the tsquery of what documents say of themselves; empty if nothing is wanted of that.
func (in scope) filters(q SearchQuery) string {
	var all []string
	anyOf := func(prefix string, ids []uuid.UUID, not string) {
		var words []string
		for _, id := range ids {
			words = append(words, `'`+prefix+id.String()+`'`)
		}
		if len(words) > 0 {
			all = append(all, not+"("+strings.Join(words, "|")+")")
		}
	}
	if in.part {
		anyOf("\x01c", in.channels, "")
	}
	anyOf("\x01f", in.from, "")
	anyOf("\x01f", in.notFrom, "!")
	for _, has := range q.Has {
		all = append(all, "'\x01h"+has+"'")
	}
	for _, has := range q.NotHas {
		all = append(all, "!'\x01h"+has+"'")
	}
	return strings.Join(all, "&")
}

// searchWindows looks into the windows from $1 down to $2 for documents below $3, and returns the newest $4. $5 are the
// words, $6 the filters, $7 the channels, $8 and $9 from when to when.
var searchWindows = `
	SELECT hit.n FROM (
		SELECT number, language, ` + fmt.Sprintf("(E'\\x01w' || %s)::tsquery", "number") + ` AS word
		FROM search_windows WHERE number BETWEEN $2 AND $1 AND ($8::timestamptz IS NULL OR last_at >= $8) AND ($9::timestamptz IS NULL OR first_at < $9)
	) w CROSS JOIN LATERAL (
		SELECT d.n FROM search_documents d
		WHERE d.doc @@ w.word AND d.doc @@ (websearch_to_tsquery(w.language::regconfig, $5) && $6::tsquery && w.word)
			AND d.n < $3 AND d.n BETWEEN w.number * 16384 AND w.number * 16384 + 16383
			AND d.channel_id = ANY ($7) AND ($8::timestamptz IS NULL OR d.created_at >= $8) AND ($9::timestamptz IS NULL OR d.created_at < $9)
		ORDER BY d.n DESC LIMIT $4
	) hit ORDER BY hit.n DESC LIMIT $4`

// findDocuments returns the n of the newest documents below one that fit, at most so many; and below which it did not look.
// It looks into one window first, where common words are found, and then into more at once.
func (s *Store) findDocuments(ctx context.Context, q SearchQuery, in scope, below int64, limit int) (found []int64, rest int64, err error) {
	if q.Words != "" && in.filters(q) == "" && q.Since.IsZero() && q.Until.IsZero() {
		if err := s.wantWords(ctx, q); err != nil {
			return nil, 0, err
		}
	}
	atOnce := int64(1)
	for began := time.Now(); below > 0 && len(found) < limit && time.Since(began) < searchTime; {
		high := (below - 1) / searchWindow
		low := max(high-atOnce+1, 0)
		list, err := s.searchIn(ctx, high, low, below, limit-len(found), q.Words, in.filters(q), in.channels, orNull(q.Since), orNull(q.Until))
		if err != nil {
			return nil, 0, err
		}
		found, below = append(found, list...), low*searchWindow
		atOnce = min(2*atOnce, windowsAtOnce)
	}
	return found, below, nil
}

// searchIn runs searchWindows, within bounds of time.
func (s *Store) searchIn(ctx context.Context, args ...any) (list []int64, err error) {
	err = s.retry(ctx, func() error {
		batch := &pgx.Batch{}
		batch.Queue(fmt.Sprintf(`SELECT set_config('enable_seqscan', 'off', true), set_config('statement_timeout', '%d', true)`, statementLimit))
		batch.Queue(searchWindows, args...)
		results := s.pool.SendBatch(ctx, batch)
		_, err := results.Exec()
		if err == nil {
			list, err = nextRows(results, value[int64])
		}
		return errors.Join(err, results.Close())
	})
	if ctx.Err() == nil && isState(err, "57014") {
		return nil, &Error{Code: Invalid, Message: "This search takes too long.", Err: err,
			Fields: map[string]string{"q": "would take too long: add a word, or a filter such as in:#channel or after:2026-01-31"}}
	}
	return list, wrap("search", err)
}

// wantWords wants a word that is not left out of the index, as the most common ones are in most languages.
func (s *Store) wantWords(ctx context.Context, q SearchQuery) error {
	some, err := one(ctx, s, value[bool], `
		SELECT coalesce(bool_or(numnode(websearch_to_tsquery(language::regconfig, $1)) > 0), true)
		FROM (SELECT DISTINCT language FROM search_windows) l`, q.Words)
	if err == nil && !some {
		return invalid("q", "has only words that are too common to be searched for: add another word, or a filter such as from:@user")
	}
	return wrap("look at the words", err)
}

// unmark turns the marks of hitColumns into HTML: \x02 and \x03 are around what was searched for, and \x04 and \x05 stand
// for < and >, which PostgreSQL would take for tags, and leave out.
var unmark = strings.NewReplacer("\x02", "<mark>", "\x03", "</mark>", "\x04", "&lt;", "\x05", "&gt;")

const hitColumns = `c.id, c.name, c.kind, c.direct_of, ts_headline(w.language::regconfig, translate(m.body, E'<>\x02\x03\x04\x05', E'\x04\x05'),
	websearch_to_tsquery(w.language::regconfig, $3), E'StartSel=\x02, StopSel=\x03, ShortWord=0, ' || CASE WHEN char_length(m.body) <= 400 THEN 'HighlightAll=true'
		ELSE 'MaxFragments=2, MaxWords=35, MinWords=15, FragmentDelimiter=" … "' END)`

// hits reads what was found, as far as the user may still see it.
func (s *Store) hits(ctx context.Context, userID uuid.UUID, q SearchQuery, found []int64) ([]Hit, error) {
	if len(found) == 0 {
		return []Hit{}, nil
	}
	return all(ctx, s, func(row pgx.Row) (h Hit, err error) {
		h.Message, err = scanMessageAnd(row, &h.Channel.ID, &h.Channel.Name, &h.Channel.Kind, &h.Channel.UserIDs, &h.Highlight)
		h.Highlight = unmark.Replace(html.EscapeString(h.Highlight))
		return h, err
	}, `
		SELECT `+messageColumns+`, `+hitColumns+`
		FROM search_documents d JOIN search_windows w ON w.number = d.n / 16384 JOIN messages m ON m.id = d.message_id
		JOIN users u ON u.id = m.author_id JOIN channels c ON c.id = m.channel_id
		WHERE d.n = ANY ($2) AND m.deleted_at IS NULL AND EXISTS (SELECT FROM users u WHERE u.id = $1 AND u.active AND `+mayRead+`)
		ORDER BY d.n DESC`, userID, found, q.Words)
}
