package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"snug/supervisor"
)

// controlTimeout bounds a question to the supervisor, which answers from memory.
const controlTimeout = 5 * time.Second

// askSupervisor gets one document from the control socket of the Snug that runs on a data folder.
func askSupervisor(settings Settings, path string, answer any) error {
	data := string(settings.Data)
	note, err := readLock(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no Snug on %s: start one with `snug serve`, or name its folder with --data or SNUG_DATA", data)
	case err != nil:
		return fmt.Errorf("find the Snug that runs on %s: %w", data, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlTimeout)
	defer cancel()
	err = supervisor.NewClient(filepath.Join(note.Run, "control.sock")).Get(ctx, path, answer)
	switch {
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no Snug runs on %s: start it with `snug serve`", data)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the Snug on %s belongs to another user: ask as that user, or as root", data)
	case err != nil:
		return fmt.Errorf("ask the Snug on %s: %w", data, err)
	}
	return nil
}

func askStatus(settings Settings) (supervisor.StatusReport, error) {
	var report supervisor.StatusReport
	err := askSupervisor(settings, "/v1/status", &report)
	return report, err
}

func askHealth(settings Settings) (supervisor.Health, error) {
	var health supervisor.Health
	err := askSupervisor(settings, "/v1/health", &health)
	return health, err
}
