package chat

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"snug/store"
)

// The cost of argon2id: OWASP Password Storage Cheat Sheet, 19 MiB of memory, 2 iterations, 1 lane.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// waitingPasswords is how many logins may wait for their turn at a passwords' slot before more are refused.
const waitingPasswords = 64

// mostPasswords is how many passwords are worked on at once at most: they take 76 MiB.
const mostPasswords = 4

// passwordSlots is how many passwords are worked on at once: one processor is left to everybody who is logged in.
func passwordSlots(processors int) int { return min(max(1, processors-1), mostPasswords) }

// passwords hashes and checks passwords with argon2id, a few at a time: each takes argonMemory, and a flood of logins
// must not take it all.
type passwords struct {
	slots   chan struct{}
	waiting chan struct{}
	rest    *rest
	decoy   string // a hash that no password has
}

func newPasswords(r *rest) *passwords {
	p := &passwords{
		slots:   make(chan struct{}, passwordSlots(runtime.GOMAXPROCS(0))),
		waiting: make(chan struct{}, waitingPasswords),
		rest:    r,
	}
	salt, key := make([]byte, argonSalt), make([]byte, argonKey)
	rand.Read(salt)
	rand.Read(key)
	p.decoy = encodeHash(salt, key)
	return p
}

// hash returns the PHC string of password.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key, err := p.key(ctx, password, argonCost{memory: argonMemory, time: argonTime, threads: argonThreads, salt: salt, length: argonKey})
	if err != nil {
		return "", err
	}
	return encodeHash(salt, key), nil
}

// HashPassword returns the PHC string of a password, of 8 to 200 characters, for an account that is made without this server.
func HashPassword(password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < 8 || n > 200 {
		return "", errors.New("the password must have 8 to 200 characters")
	}
	return newPasswords(newRest(Memory{})).hash(context.Background(), password)
}

// matches reports whether hash is that of password. An empty hash, of an account that does not exist, matches nothing
// and takes as long.
func (p *passwords) matches(ctx context.Context, hash, password string) (bool, error) {
	if hash == "" {
		hash = p.decoy
	}
	cost, want, err := decodeHash(hash)
	if err != nil {
		return false, fmt.Errorf("read stored password hash: %w", err)
	}
	got, err := p.key(ctx, password, cost)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

type argonCost struct {
	memory, time uint32
	threads      uint8
	salt         []byte
	length       uint32
}

// key computes in one of the slots, and answers Unavailable when too many wait for one.
func (p *passwords) key(ctx context.Context, password string, c argonCost) ([]byte, error) {
	busy := newProblem(store.Unavailable, "Too many people are logging in at this moment. Try again.")
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return nil, busy
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, busy
	}
	defer p.rest.later()
	return argon2.IDKey([]byte(password), c.salt, c.time, c.memory, c.threads, c.length), nil
}

// encodeHash writes the PHC string format: https://github.com/P-H-C/phc-string-format.
func encodeHash(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// decodeHash reads what encodeHash wrote, of this or other costs. The costs are bounded: a row must not be able to take
// the machine's memory.
func decodeHash(s string) (c argonCost, key []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return c, nil, fmt.Errorf("not an argon2id PHC string")
	}
	var version int
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return c, nil, fmt.Errorf("argon2 version %q is not %d", parts[2], argon2.Version)
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads); err != nil {
		return c, nil, fmt.Errorf("argon2 costs %q: %w", parts[3], err)
	}
	if c.memory > 256*1024 || c.time < 1 || c.time > 16 || c.threads < 1 {
		return c, nil, fmt.Errorf("argon2 costs %q are out of bounds", parts[3])
	}
	if c.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return c, nil, fmt.Errorf("argon2 salt: %w", err)
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return c, nil, fmt.Errorf("argon2 key: %w", err)
	}
	if len(c.salt) < 8 || len(key) < 16 || len(key) > 64 {
		return c, nil, fmt.Errorf("argon2 salt or key is of the wrong length")
	}
	c.length = uint32(len(key))
	return c, key, nil
}
