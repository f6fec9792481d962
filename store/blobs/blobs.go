// Package blobs keeps contents in a folder, each once, by its SHA-256.
//
// A content is written into a temporary file of the same file system, brought to disk, and renamed when it is whole: a
// crash at any moment leaves nothing but a temporary file, which is swept. Several processes may share the folder.
package blobs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Hash is the SHA-256 of a content.
type Hash [sha256.Size]byte

// Kind says what is kept of a content.
type Kind string

// What is kept: the content itself, and a small picture of it.
const (
	Content Kind = ""
	Thumb   Kind = ".thumb"
)

// temporary is the folder of what is not whole yet.
const temporary = "tmp"

// Folder is a folder of contents, such as ab/abcdef….
type Folder struct{ root string }

// Open makes the folder, if need be.
func Open(root string) (*Folder, error) {
	if err := os.MkdirAll(filepath.Join(root, temporary), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of files: %w", err)
	}
	return &Folder{root: root}, nil
}

func (f *Folder) path(h Hash, kind Kind) string {
	name := hex.EncodeToString(h[:])
	return filepath.Join(f.root, name[:2], name+string(kind))
}

// Temp is a content on its way into the folder. Whoever made it calls Discard at the end.
type Temp struct {
	file *os.File
	hash hash.Hash
	size int64
	put  bool
}

// Create begins a content.
func (f *Folder) Create() (*Temp, error) {
	file, err := os.CreateTemp(filepath.Join(f.root, temporary), "*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	return &Temp{file: file, hash: sha256.New()}, nil
}

// Write appends to the content.
func (t *Temp) Write(p []byte) (int, error) {
	n, err := t.file.Write(p)
	t.hash.Write(p[:n])
	t.size += int64(n)
	return n, err
}

// ReadAt reads what was written.
func (t *Temp) ReadAt(p []byte, offset int64) (int, error) { return t.file.ReadAt(p, offset) }

// Size is how many bytes were written.
func (t *Temp) Size() int64 { return t.size }

// Hash is the hash of what was written.
func (t *Temp) Hash() Hash { return Hash(t.hash.Sum(nil)) }

// Discard lets the temporary file go, unless it has been put.
func (t *Temp) Discard() {
	_ = t.file.Close()
	if !t.put {
		_ = os.Remove(t.file.Name())
	}
}

// Put brings a content to disk under its hash, or what is made of it under that. One that is there already is replaced by
// the same. When it returns, the content outlasts a power cut.
func (f *Folder) Put(t *Temp, h Hash, kind Kind) error {
	if err := t.file.Sync(); err != nil {
		return fmt.Errorf("bring a file to disk: %w", err)
	}
	path := f.path(h, kind)
	folder := filepath.Dir(path)
	switch err := os.Mkdir(folder, 0o700); {
	case err == nil:
		if err := syncFolder(f.root); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("make a folder of files: %w", err)
	}
	if err := os.Rename(t.file.Name(), path); err != nil {
		return fmt.Errorf("put a file in its place: %w", err)
	}
	t.put = true
	return syncFolder(folder)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("bring a folder of files to disk: %w", err)
	}
	return nil
}

// Get opens a content. One that is not there is [fs.ErrNotExist].
func (f *Folder) Get(h Hash, kind Kind) (*os.File, error) { return os.Open(f.path(h, kind)) }

// Remove deletes all that is kept of a content. Nothing may be.
func (f *Folder) Remove(h Hash) error {
	for _, kind := range []Kind{Thumb, Content} {
		if err := os.Remove(f.path(h, kind)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a file: %w", err)
		}
	}
	return nil
}

// SweepTemporary removes what was begun, and nobody has written to since then.
func (f *Folder) SweepTemporary(before time.Time) error {
	entries, err := os.ReadDir(filepath.Join(f.root, temporary))
	if err != nil {
		return fmt.Errorf("list temporary files: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // it may have been put or swept since
		}
		if err := os.Remove(filepath.Join(f.root, temporary, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
