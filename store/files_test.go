package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"snug/store/blobs"
)

const noQuota = math.MaxInt64

func noPut() error               { return nil }
func noRemove(blobs.Hash) error  { return nil }
func hashOf(s string) blobs.Hash { return sha256.Sum256([]byte(s)) }

// file uploads a file with that content.
func (in instance) file(t testing.TB, by User, content string) File {
	t.Helper()
	f, err := in.AddFile(t.Context(), NewFile{
		Uploader: by.ID, Hash: hashOf(content), Name: content + ".txt", Size: int64(len(content)), Type: "text/plain; charset=utf-8",
	}, noQuota, noPut)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// with is a send of the owner's with these files and no text.
func (in instance) with(files ...File) Send {
	send := in.hello()
	send.Body = ""
	for _, f := range files {
		send.FileIDs = append(send.FileIDs, f.ID)
	}
	return send
}

func (in instance) mayOpen(t testing.TB, u User, f File) bool {
	t.Helper()
	got, err := in.File(t.Context(), u.ID, f.ID)
	if err == nil && !cmp.Equal(f, got.File) {
		t.Errorf("the file is %+v, want %+v", got.File, f)
	}
	if err != nil && CodeOf(err) != NotFound {
		t.Error(err)
	}
	return err == nil
}

// A message has the files that it was sent with, in their order, wherever it is read.
func TestMessageWithFiles(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	picture, err := in.AddFile(t.Context(), NewFile{Uploader: in.owner.ID, Hash: hashOf("p"), Name: "Kätzchen <1>.png", Size: 1 << 40,
		Type: "image/png", Width: 640, Height: 480, HasThumb: true}, noQuota, noPut)
	if err != nil || picture.ThumbURL != "/api/files/"+picture.ID.String()+"/thumb" || picture.Width != 640 {
		t.Fatalf("%+v, %v", picture, err)
	}
	notes := in.file(t, in.owner, "notes")
	if !in.mayOpen(t, in.owner, notes) || in.mayOpen(t, bob, notes) {
		t.Error("a file that is in no message is for who uploaded it alone")
	}
	send := in.with(picture, notes)
	w := startWriter(t, WriterConfig{Store: in.Store})
	stored, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	want := []File{picture, notes}
	again, err := w.Send(t.Context(), send)
	if err != nil || again.Created {
		t.Errorf("sent again: %+v, %v", again, err)
	}
	list, _, err := in.Messages(t.Context(), in.general, Page{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d messages, %v", len(list), err)
	}
	for what, got := range map[string][]File{"answer": stored.Message.Files, "answer to the same": again.Message.Files, "page": list[0].Files} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	if !in.mayOpen(t, bob, notes) {
		t.Error("who may read the message may not open its file")
	}
	if _, m, err := in.EditMessage(t.Context(), in.owner.ID, list[0].ID, "now with words"); err != nil || len(m.Files) != 2 {
		t.Errorf("edited: %+v, %v", m, err)
	}
	if _, _, err := in.EditMessage(t.Context(), in.owner.ID, list[0].ID, " "); err != nil {
		t.Errorf("and without: %v", err)
	}
	if d, err := in.DeleteMessage(t.Context(), in.owner.ID, list[0].ID); err != nil || len(d.Message.Files) != 0 {
		t.Errorf("deleted: %+v, %v", d, err)
	}
	if in.mayOpen(t, in.owner, notes) {
		t.Error("the file of a deleted message can be opened")
	}
	plain := in.message(t, in.owner, in.general, "words")
	if _, _, err := in.EditMessage(t.Context(), in.owner.ID, plain.ID, " "); CodeOf(err) != Invalid {
		t.Errorf("a message without files is edited to nothing: %v", err)
	}
}

// What is wrong with the files of one send is no harm to the others of its batch, and the file stays free.
func TestFilesThatASendMayNotHave(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	used, mine := in.file(t, in.owner, "used"), in.file(t, in.owner, "mine")
	in.send(t, in.with(used))
	many := in.hello()
	for range MaxFiles + 1 {
		many.FileIDs = append(many.FileIDs, uuid.New())
	}
	w := startWriter(t, WriterConfig{Store: in.Store})
	for name, send := range map[string]Send{
		"unknown": in.with(mine, File{ID: uuid.New()}), "used": in.with(used, mine), "another's": in.with(in.file(t, bob, "his"), mine),
		"twice": in.with(mine, mine), "too many": many,
	} {
		if _, err := w.Send(t.Context(), send); CodeOf(err) != Invalid || err.(*Error).Fields["file_ids"] == "" {
			t.Errorf("%s: %v", name, err)
		}
		if name == "twice" || name == "too many" {
			continue
		}
		got := inOneBatch(t, WriterConfig{Store: in.Store}, []Send{in.hello(), send, in.hello()})
		if got[0].err != nil || CodeOf(got[1].err) != Invalid || got[2].err != nil {
			t.Errorf("%s among others: %+v", name, got)
		}
	}
	two := inOneBatch(t, WriterConfig{Store: in.Store}, []Send{in.with(mine), in.with(mine)})
	if two[0].err != nil || CodeOf(two[1].err) != Invalid {
		t.Errorf("the same file in two: %+v", two)
	}
	checkGapless(t, in, in.general)
}

// Two nodes that send the same file at once: one message has it.
func TestAFileIsInOneMessage(t *testing.T) {
	in := newInstance(t)
	writers := []*Writer{startWriter(t, WriterConfig{Store: in.Store}), startWriter(t, WriterConfig{Store: open(t, in.url)})}
	channels := []uuid.UUID{in.channel(t, "one", in.owner), in.channel(t, "two", in.owner)} // with locks of their own
	for i := range 30 {
		f := in.file(t, in.owner, fmt.Sprint(i))
		var wait sync.WaitGroup
		errs := make([]error, 2)
		for n, w := range writers {
			wait.Go(func() {
				send := in.with(f)
				send.ChannelID = channels[n]
				_, errs[n] = w.Send(t.Context(), send)
			})
		}
		wait.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || CodeOf(errors.Join(errs...)) != Invalid {
			t.Fatalf("%v", errs)
		}
	}
}

func TestQuota(t *testing.T) {
	in := newInstance(t)
	add := func(size int64) error {
		put := false
		_, err := in.AddFile(t.Context(), NewFile{Uploader: in.owner.ID, Hash: hashOf("x"), Name: "x", Size: size, Type: "text/plain"},
			100, func() error { put = true; return nil })
		if put != (err == nil) {
			t.Errorf("put: %v, %v", put, err)
		}
		return err
	}
	if err := add(60); err != nil {
		t.Fatal(err)
	}
	if err := add(41); CodeOf(err) != TooLarge || !strings.Contains(err.Error(), "Your files") {
		t.Errorf("%v", err)
	}
	if err := in.CheckQuota(t.Context(), in.owner.ID, 41, 100); CodeOf(err) != TooLarge {
		t.Errorf("%v", err)
	}
	if err := add(40); err != nil {
		t.Errorf("the last bytes: %v", err)
	}
	if err := in.CheckQuota(t.Context(), in.register(t, "bob").ID, 100, 100); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	// Of many at once, not more are taken than may be.
	bob := in.register(t, "bert")
	var wait sync.WaitGroup
	var mu sync.Mutex
	added := 0
	for range 8 {
		wait.Go(func() {
			f := NewFile{Uploader: bob.ID, Hash: hashOf("y"), Name: "y", Size: 30, Type: "text/plain"}
			if _, err := in.AddFile(t.Context(), f, 100, noPut); err == nil {
				mu.Lock()
				defer mu.Unlock()
				added++
			}
		})
	}
	wait.Wait()
	if added != 3 {
		t.Errorf("%d files of 30 bytes are in a quota of 100", added)
	}
}

func (in instance) sweep(t testing.TB, before time.Time) (removed []blobs.Hash) {
	t.Helper()
	_, err := in.SweepFiles(t.Context(), before, func(h blobs.Hash) error { removed = append(removed, h); return nil })
	if err != nil {
		t.Error(err)
	}
	return removed
}

// What no message has had for long is forgotten, and a content goes when the last file goes that has it.
func TestSweepFiles(t *testing.T) {
	in := newInstance(t)
	later := time.Now().Add(time.Hour)
	unused, used, twin := in.file(t, in.owner, "unused"), in.file(t, in.owner, "used"), in.file(t, in.owner, "used")
	message := in.send(t, in.with(used))[0]
	if removed := in.sweep(t, time.Now().Add(-time.Hour)); removed != nil || !in.mayOpen(t, in.owner, unused) {
		t.Errorf("swept too early: %x", removed)
	}
	if diff := cmp.Diff([]blobs.Hash{hashOf("unused")}, in.sweep(t, later)); diff != "" {
		t.Errorf("swept (-want +got):\n%s", diff)
	}
	if in.mayOpen(t, in.owner, unused) || in.mayOpen(t, in.owner, twin) || !in.mayOpen(t, in.owner, used) {
		t.Error("not just the file that is in a message is left")
	}
	if _, err := in.DeleteMessage(t.Context(), in.owner.ID, message.ID); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("disk")
	if _, err := in.SweepFiles(t.Context(), later, func(blobs.Hash) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]blobs.Hash{hashOf("used")}, in.sweep(t, later)); diff != "" {
		t.Errorf("after a removal that failed (-want +got):\n%s", diff)
	}
	private := in.create(t, in.owner, "private", true).ID
	send := in.with(in.file(t, in.owner, "of a channel"))
	send.ChannelID = private
	in.send(t, send)
	if err := in.DeleteChannel(t.Context(), in.owner.ID, private); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]blobs.Hash{hashOf("of a channel")}, in.sweep(t, later)); diff != "" {
		t.Errorf("of a deleted channel (-want +got):\n%s", diff)
	}
}

// However uploads of the same contents, sends and sweeps of several nodes meet: a file that is there has its content.
func TestSweepAmongUploads(t *testing.T) {
	in := newInstance(t)
	w := startWriter(t, WriterConfig{Store: in.Store})
	var disk sync.Map
	put := func(content string) func() error {
		return func() error { disk.Store(hashOf(content), true); return nil }
	}
	remove := func(h blobs.Hash) error { disk.Delete(h); return nil }
	stop := make(chan struct{})
	var sweepers, uploaders sync.WaitGroup
	for range 2 {
		sweepers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := in.SweepFiles(t.Context(), time.Now().Add(time.Hour), remove); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		uploaders.Go(func() {
			for i := range 100 {
				content := fmt.Sprint(i % 3)
				f, err := in.AddFile(t.Context(), NewFile{Uploader: in.owner.ID, Hash: hashOf(content), Name: "x", Type: "text/plain"}, noQuota, put(content))
				if err != nil {
					t.Error(err)
					return
				}
				stored, err := w.Send(t.Context(), in.with(f))
				if CodeOf(err) == Invalid {
					continue // swept before
				}
				if err != nil {
					t.Error(err)
					return
				}
				if _, there := disk.Load(hashOf(content)); !there {
					t.Errorf("the file of message %d has no content", stored.Message.Seq)
				}
				if _, err := in.DeleteMessage(t.Context(), in.owner.ID, stored.Message.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	uploaders.Wait()
	close(stop)
	sweepers.Wait()
	in.sweep(t, time.Now().Add(time.Hour))
	in.must(t, `DO $$BEGIN ASSERT NOT EXISTS (SELECT FROM file_contents), 'contents are left'; END$$`)
}

func TestAvatars(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	first, err := in.SetAvatar(t.Context(), bob.ID, Avatar{"image/png", []byte("one")}, hashOf("one"))
	if err != nil || !strings.HasPrefix(first.AvatarURL, "/api/users/"+bob.ID.String()+"/avatar?v=") {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := in.SetAvatar(t.Context(), bob.ID, Avatar{"image/jpeg", []byte("two")}, hashOf("two"))
	if err != nil || second.AvatarURL == first.AvatarURL {
		t.Errorf("another picture has the address %s, %v", second.AvatarURL, err)
	}
	got, err := in.Avatar(t.Context(), in.owner.ID, bob.ID)
	if diff := cmp.Diff(Avatar{"image/jpeg", []byte("two")}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for range 2 {
		if u, err := in.DeleteAvatar(t.Context(), bob.ID); err != nil || u.AvatarURL != "" {
			t.Errorf("%+v, %v", u, err)
		}
	}
	if _, err := in.Avatar(t.Context(), in.owner.ID, bob.ID); CodeOf(err) != NotFound {
		t.Errorf("%v", err)
	}
}
