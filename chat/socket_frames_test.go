package chat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// clientFrameOf is a frame as a client sends it.
func clientFrameOf(final bool, opcode byte, mask [4]byte, payload []byte) []byte {
	frame := []byte{opcode}
	if final {
		frame[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(frame, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	return frame
}

// Messages are read as they were sent, in however many frames, with pings and pongs between these.
func TestMessagesAreReadAsTheyWereSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var wire []byte
		var sent [][]byte
		pings, pongs := 0, 0
		for range rapid.IntRange(1, 4).Draw(t, "messages") {
			length := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(65_530, 65_540), rapid.IntRange(frameLimit-2, frameLimit)).Draw(t, "length")
			message := bytes.Repeat([]byte("0123456789abc"), length/13+1)[:length]
			sent = append(sent, message)
			for opcode, rest, last := byte(1), message, false; !last; opcode = 0 {
				n := rapid.IntRange(0, len(rest)).Draw(t, "of this frame")
				last = n == len(rest)
				mask := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "mask"))
				wire = append(wire, clientFrameOf(last, opcode, mask, rest[:n])...)
				rest = rest[n:]
				if rapid.Bool().Draw(t, "ping") {
					wire = append(wire, clientFrameOf(true, 9, mask, []byte("hm"))...)
					wire = append(wire, clientFrameOf(true, 10, mask, nil)...)
					pings, pongs = pings+1, pongs+1
				}
			}
		}
		frames := newFrameReader(bytes.NewReader(wire), func(data []byte) {
			if string(data) != "hm" {
				t.Errorf("ping with %q", data)
			}
			pings--
		}, func() { pongs-- })
		for i, want := range sent {
			got, text, err := frames.next()
			if err != nil || !text || !bytes.Equal(got, want) {
				t.Fatalf("message %d of %d bytes is read as %d, text %t: %v", i, len(want), len(got), text, err)
			}
		}
		if _, _, err := frames.next(); err != io.EOF || pings != 0 || pongs != 0 {
			t.Errorf("at the end: %v, %d pings and %d pongs are missing", err, pings, pongs)
		}
	})
}

func TestFramesThatAClientMayNotSend(t *testing.T) {
	mask := [4]byte{1, 2, 3, 4}
	text := clientFrameOf(true, 1, mask, []byte("x"))
	for what, c := range map[string]struct {
		wire []byte
		want error
	}{
		"not masked":                {[]byte{0x81, 1, 'x'}, errNotAllowed},
		"first reserved bit":        {append([]byte{0xC1}, text[1:]...), errNotAllowed},
		"second reserved bit":       {append([]byte{0xA1}, text[1:]...), errNotAllowed},
		"third reserved bit":        {append([]byte{0x91}, text[1:]...), errNotAllowed},
		"unknown opcode":            {clientFrameOf(true, 3, mask, nil), errNotAllowed},
		"unknown control":           {clientFrameOf(true, 11, mask, nil), errNotAllowed},
		"continuation of nothing":   {clientFrameOf(true, 0, mask, nil), errNotAllowed},
		"beginning in a message":    {append(clientFrameOf(false, 1, mask, nil), text...), errNotAllowed},
		"ping in parts":             {clientFrameOf(false, 9, mask, nil), errNotAllowed},
		"long ping":                 {clientFrameOf(true, 9, mask, make([]byte, 126)), errNotAllowed},
		"too long":                  {clientFrameOf(true, 1, mask, make([]byte, frameLimit+1)), errTooLong},
		"too long in parts":         {append(clientFrameOf(false, 1, mask, make([]byte, frameLimit)), clientFrameOf(true, 0, mask, make([]byte, 1))...), errTooLong},
		"length of nearly anything": {binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 1<<63), io.EOF},
		"close":                     {clientFrameOf(true, 8, mask, nil), errClosed},
		"half a head":               {text[:1], io.ErrUnexpectedEOF},
		"half a frame":              {text[:len(text)-1], io.EOF},
	} {
		frames := newFrameReader(bytes.NewReader(c.wire), func([]byte) {}, func() {})
		if _, _, err := frames.next(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// Whatever a client sends, reading it ends, and takes no more memory than a message may have.
func FuzzFrameReader(f *testing.F) {
	f.Add(clientFrameOf(true, 1, [4]byte{1, 2, 3, 4}, []byte(`{"type":"hello"}`)))
	f.Add(clientFrameOf(false, 1, [4]byte{}, make([]byte, 200)))
	f.Add(binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 1<<63))
	f.Fuzz(func(t *testing.T, wire []byte) {
		frames := newFrameReader(bytes.NewReader(wire), func([]byte) {}, func() {})
		for range len(wire) + 1 {
			message, _, err := frames.next()
			if err != nil {
				return
			}
			if len(message) > frameLimit {
				t.Fatalf("a message of %d bytes", len(message))
			}
		}
		t.Fatal("there are more messages than bytes")
	})
}
