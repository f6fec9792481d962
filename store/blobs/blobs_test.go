package blobs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T) *Folder {
	t.Helper()
	f, err := Open(filepath.Join(t.TempDir(), "files"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *Folder) mustPut(t *testing.T, content string, kind Kind) Hash {
	t.Helper()
	temp, err := f.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer temp.Discard()
	if _, err := io.Copy(temp, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if temp.Hash() != sha256.Sum256([]byte(content)) || temp.Size() != int64(len(content)) {
		t.Errorf("%x, %d bytes", temp.Hash(), temp.Size())
	}
	if err := f.Put(temp, temp.Hash(), kind); err != nil {
		t.Fatal(err)
	}
	return temp.Hash()
}

// list is all that is in the folder.
func (f *Folder) list(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(f.root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, strings.TrimPrefix(path, f.root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestContents(t *testing.T) {
	f := open(t)
	h := f.mustPut(t, "hello", Content)
	var wait sync.WaitGroup
	for range 4 { // by several at once
		wait.Go(func() { f.mustPut(t, "hello", Content) })
	}
	wait.Wait()
	const path = "2c/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if got := f.list(t); len(got) != 1 || got[0] != path {
		t.Errorf("there is %v", got)
	}
	file, err := f.Get(h, Content)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if content, err := io.ReadAll(file); string(content) != "hello" || err != nil {
		t.Errorf("%q, %v", content, err)
	}
	if info, err := os.Stat(filepath.Join(f.root, path)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := f.Get(h, Thumb); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	thumb, err := f.Create()
	if err == nil {
		_, _ = io.WriteString(thumb, "small")
		err = f.Put(thumb, h, Thumb)
	}
	if err != nil || len(f.list(t)) != 2 {
		t.Errorf("%v, %v", f.list(t), err)
	}
	for range 2 {
		if err := f.Remove(h); err != nil {
			t.Error(err)
		}
	}
	if got := f.list(t); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

// What comes to no end leaves nothing, and after a crash a temporary file, which goes when it is old.
func TestTemporaryFiles(t *testing.T) {
	f := open(t)
	given, err := f.Create()
	if err != nil {
		t.Fatal(err)
	}
	given.Discard()
	crashed, err := f.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SweepTemporary(time.Now().Add(-time.Hour)); err != nil || len(f.list(t)) != 1 {
		t.Errorf("too early: %v, %v", f.list(t), err)
	}
	if err := f.SweepTemporary(time.Now().Add(time.Hour)); err != nil || len(f.list(t)) != 0 {
		t.Errorf("left: %v, %v", f.list(t), err)
	}
	if err := f.Put(crashed, crashed.Hash(), Content); err == nil {
		t.Error("a file that was swept is put")
	}
}

// childFolder says to a process of this test which folder to fill until it is killed.
const childFolder = "SNUG_TEST_FILL_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		fill(folder)
	}
	os.Exit(m.Run())
}

// fill puts contents, and never ends.
func fill(folder string) {
	f, err := Open(folder)
	for i := 0; err == nil; i++ {
		var temp *Temp
		if temp, err = f.Create(); err != nil {
			break
		}
		_, _ = io.WriteString(temp, strings.Repeat(strconv.Itoa(i), 50_000))
		err = f.Put(temp, temp.Hash(), Content)
		temp.Discard()
	}
	panic(err)
}

// Whenever the process is killed, what is under a hash is that content, and what is not whole is a temporary file.
func TestKilledInTheMiddle(t *testing.T) {
	f := open(t)
	for round := range 10 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childFolder+"="+f.root)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); len(f.list(t)) < 5*(round+1) && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		}
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	whole := 0
	for _, path := range f.list(t) {
		content, err := os.ReadFile(filepath.Join(f.root, path))
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(path); filepath.Dir(path) != temporary {
			whole++
			if sum := sha256.Sum256(content); name != hex.EncodeToString(sum[:]) {
				t.Errorf("%s is not that, but %d bytes", path, len(content))
			}
		}
	}
	if whole < 20 {
		t.Errorf("only %d contents were put", whole)
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "folder of files") {
		t.Errorf("%v", err)
	}
}
