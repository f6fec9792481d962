package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// The settings that hold passwords. The environment of a process can be read by all of the same user, and is often shown
// (proc(5), environ), so that of no child has them: who needs one inherits a file in memory that holds it.
const (
	databaseSecret = "SNUG_DATABASE_URL"
	redisSecret    = "SNUG_REDIS_URL"
)

// ownFiles is where a process finds its own open files. To open one there gives a description of its own, with its own offset.
const ownFiles = "/proc/self/fd/"

// secrets are the settings that hold passwords, by name, as far as they are set.
func (s Settings) secrets() map[string]string {
	secrets := map[string]string{databaseSecret: string(s.DatabaseURL), redisSecret: string(s.RedisURL)}
	for name, value := range secrets {
		if value == "" {
			delete(secrets, name)
		}
	}
	return secrets
}

// secretFiles hold the secrets for the children, for as long as the appliance runs.
type secretFiles map[string]*os.File

func newSecretFiles(settings Settings) (secretFiles, error) {
	files := secretFiles{}
	for name, value := range settings.secrets() {
		file, err := sealedFile(name, value)
		if err != nil {
			files.close()
			return nil, err
		}
		files[name] = file
	}
	return files, nil
}

func (s secretFiles) close() {
	for _, file := range s {
		_ = file.Close()
	}
}

// firstInherited is the descriptor of the first file that a child inherits, see [supervisor.Command].
const firstInherited = 3

// handOver returns the files that a child is to inherit, and the variables that tell it where they are.
func (s secretFiles) handOver(needed []string) (files []*os.File, variables []string) {
	for _, name := range needed {
		if file := s[name]; file != nil {
			variables = append(variables, fileAt(name, firstInherited+len(files)))
			files = append(files, file)
		}
	}
	return files, variables
}

// fileAt is the variable that gives a setting by an open file.
func fileAt(name string, fd int) string {
	return fmt.Sprintf("%s%s=%s%d", name, fileSuffix, ownFiles, fd)
}

// sealedFile makes a file in memory that nobody can change and only our user can open (memfd_create(2)).
func sealedFile(name, content string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("hold %s in memory: %w", name, err)
	}
	file := os.NewFile(uintptr(fd), name)
	_, err = file.WriteString(content)
	if err = errors.Join(err, file.Chmod(0o400), seal(fd)); err != nil {
		return nil, errors.Join(fmt.Errorf("hold %s in memory: %w", name, err), file.Close())
	}
	return file, nil
}

func seal(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return err
}

// keepSettings makes what was read from files known to the program that replaces this one by exec, also where its user
// could not read those files. It returns the variables that tell of them.
func keepSettings(fromFiles map[string]string) (variables []string, err error) {
	for name, value := range fromFiles {
		file, err := sealedFile(name, value)
		if err != nil {
			return nil, err
		}
		fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD, firstInherited) // without close-on-exec
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("keep %s over the change of the user: %w", name, err)
		}
		variables = append(variables, fileAt(name, fd))
	}
	slices.Sort(variables)
	return variables, nil
}
