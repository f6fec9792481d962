package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of what is searched for.
const (
	MaxSearch      = 500 // characters
	maxSearchTerms = 30
)

// SearchQuery is what somebody searches for, understood. Of each list of names one must fit; of what a message has, all.
type SearchQuery struct {
	Words         string   // and phrases, with and without -, for websearch_to_tsquery
	In, NotIn     []string // "#channel" or "@user", in small letters
	From, NotFrom []string // usernames, in small letters; "me" is who asks
	Has, NotHas   []string // of searchable
	Since, Until  time.Time
}

// searchable is what "has:" may ask for.
var searchable = []string{"link", "file", "image", "code", "reaction", "pin"}

// ParseSearch understands a query: words; "phrases"; the filters in:#channel, in:@user, from:@user, has:…, before:, after:,
// on: and during: with dates of UTC; and each of them but dates with - before it for what is not wanted. What is wrong with a
// filter is said under the field "q".
func ParseSearch(text string, now time.Time) (SearchQuery, error) {
	q, words := SearchQuery{}, []string{}
	if !storable(text) {
		return q, invalid("q", "must be text in UTF-8 without NUL")
	}
	if utf8.RuneCountInString(text) > MaxSearch {
		return q, invalid("q", fmt.Sprintf("must have at most %d characters", MaxSearch))
	}
	terms := searchTerms(text)
	if len(terms) > maxSearchTerms {
		return q, invalid("q", fmt.Sprintf("must have at most %d words and filters", maxSearchTerms))
	}
	for _, t := range terms {
		known, why := q.filter(t, now)
		if why != "" {
			return q, invalid("q", why)
		}
		if !known {
			words = append(words, t.quoted())
		}
	}
	q.Words = strings.TrimSpace(strings.Join(words, " "))
	if q.empty() {
		return q, invalid("q", `must have a word, a "phrase" or a filter: in:#channel, from:@user, has:link, before:2026-01-31, after:, on: or during:`)
	}
	return q, nil
}

func (q SearchQuery) empty() bool {
	return q.Words == "" && len(q.In)+len(q.NotIn)+len(q.From)+len(q.NotFrom)+len(q.Has)+len(q.NotHas) == 0 && q.Since.IsZero() && q.Until.IsZero()
}

// searchTerm is a word, a phrase or a filter.
type searchTerm struct {
	not    bool
	filter string // in small letters; empty for words and phrases
	text   string
}

// quoted is a word or phrase for websearch_to_tsquery, where in quotes nothing has a meaning of its own.
func (t searchTerm) quoted() string {
	if strings.TrimSpace(t.text) == "" {
		return ""
	}
	if t.not {
		return `-"` + t.text + `"`
	}
	return `"` + t.text + `"`
}

var searchFilters = []string{"in", "from", "has", "before", "after", "on", "during"}

// searchTerms cuts a query at spaces that are not in quotes. A quote that is not closed goes to the end.
func searchTerms(text string) (terms []searchTerm) {
	for {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if text == "" {
			return terms
		}
		var t searchTerm
		if rest, ok := strings.CutPrefix(text, "-"); ok && rest != "" && !strings.HasPrefix(rest, "-") && !unicode.IsSpace(firstOf(rest)) {
			t.not, text = true, rest
		}
		for _, filter := range searchFilters {
			if n := len(filter); len(text) > n && text[n] == ':' && strings.EqualFold(text[:n], filter) {
				t.filter, text = filter, text[n+1:]
				break
			}
		}
		if rest, ok := strings.CutPrefix(text, `"`); ok {
			t.text, text, _ = strings.Cut(rest, `"`)
		} else {
			end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
			if end < 0 {
				end = len(text)
			}
			t.text, text = text[:end], text[end:]
		}
		terms = append(terms, t)
	}
}

func firstOf(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// filter takes a term into the query, if it is a filter, and says what is wrong with it.
func (q *SearchQuery) filter(t searchTerm, now time.Time) (known bool, why string) {
	value := strings.ToLower(strings.TrimSpace(t.text))
	switch t.filter {
	case "":
		return false, ""
	case "in":
		if strings.Trim(value, "#@") == "" {
			return true, "in: takes a channel or a person: in:#general or in:@ada"
		}
		if value[0] != '@' {
			value = "#" + strings.TrimPrefix(value, "#")
		}
		return true, take(t.not, &q.In, &q.NotIn, value)
	case "from":
		if value = strings.TrimPrefix(value, "@"); value == "" {
			return true, "from: takes a person: from:@ada, or from:me"
		}
		return true, take(t.not, &q.From, &q.NotFrom, value)
	case "has":
		value = strings.TrimSuffix(value, "s")
		if !slices.Contains(searchable, value) {
			return true, "has: takes " + strings.Join(searchable, ", ")
		}
		return true, take(t.not, &q.Has, &q.NotHas, value)
	}
	return true, q.date(t, value, now)
}

func take(not bool, wanted, unwanted *[]string, value string) string {
	if not {
		wanted = unwanted
	}
	*wanted = append(*wanted, value)
	return ""
}

// date takes a filter of time.
func (q *SearchQuery) date(t searchTerm, value string, now time.Time) string {
	if t.not {
		return "a date cannot be taken back by -: before: and after: are each other's opposite"
	}
	from, to, ok := daysOf(value, now, t.filter == "during")
	switch {
	case !ok && t.filter == "during":
		return "during: takes a month, a year or a day: during:2026-01, during:2026 or during:2026-01-31"
	case !ok:
		return t.filter + ": takes a day: " + t.filter + ":2026-01-31, " + t.filter + ":today or " + t.filter + ":yesterday"
	}
	if t.filter != "before" {
		since := from
		if t.filter == "after" {
			since = to
		}
		if since.After(q.Since) {
			q.Since = since
		}
	}
	if t.filter != "after" {
		until := to
		if t.filter == "before" {
			until = from
		}
		if q.Until.IsZero() || until.Before(q.Until) {
			q.Until = until
		}
	}
	return ""
}

// daysOf returns where a day begins and ends, or, if that is allowed, a month or a year.
func daysOf(value string, now time.Time, longer bool) (from, to time.Time, ok bool) {
	today := now.UTC().Truncate(24 * time.Hour)
	switch value {
	case "today":
		return today, today.AddDate(0, 0, 1), true
	case "yesterday":
		return today.AddDate(0, 0, -1), today, true
	}
	for _, span := range []struct {
		layout         string
		years, mon, dy int
	}{{"2006-01-02", 0, 0, 1}, {"2006-01", 0, 1, 0}, {"2006", 1, 0, 0}} {
		from, err := time.Parse(span.layout, value)
		if err == nil && from.Year() > 0 && (longer || span.dy == 1) {
			return from, from.AddDate(span.years, span.mon, span.dy), true
		}
	}
	return from, to, false
}
