package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"snug/supervisor"
)

// controlTimeout bounds a question to the supervisor, which answers from memory.
const controlTimeout = 5 * time.Second

// askedSupervisor is the supervisor of the Snug that runs on a data folder.
type askedSupervisor struct {
	*supervisor.Client
	data string
}

// askSupervisor is for a command that asks the Snug that runs.
func askSupervisor(cmd *cobra.Command) (askedSupervisor, error) {
	settings, err := operatorSettings(cmd)
	if err != nil {
		return askedSupervisor{}, err
	}
	return findSupervisor(settings)
}

// findSupervisor finds the Snug that runs on the data folder. Whether it still runs is known only once it is asked.
func findSupervisor(settings Settings) (askedSupervisor, error) {
	data := string(settings.Data)
	note, err := readLock(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return askedSupervisor{}, fmt.Errorf("there is no Snug on %s: start one with `snug serve`, or name its folder with --data or SNUG_DATA", data)
	case err != nil:
		return askedSupervisor{}, fmt.Errorf("find the Snug that runs on %s: %w", data, err)
	}
	return askedSupervisor{supervisor.NewClient(filepath.Join(note.Run, "control.sock")), data}, nil
}

// explain says what to do about an error of a question.
func (a askedSupervisor) explain(err error) error {
	switch {
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no Snug runs on %s: start it with `snug serve`", a.data)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the Snug on %s belongs to another user: ask as that user, or as root", a.data)
	case errors.Is(err, context.Canceled):
		return errors.New("nobody waits for it any more; it may still be under way, see `snug status`")
	default:
		return err
	}
}

// ask gets one document, that may be held back for so long.
func (a askedSupervisor) ask(ctx context.Context, path string, hold time.Duration, answer any) error {
	limit := controlTimeout + hold
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := a.explain(a.Get(ctx, path, answer))
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the Snug on %s does not answer within %s", a.data, limit)
	}
	return err
}

func (a askedSupervisor) status(ctx context.Context) (report supervisor.StatusReport, err error) {
	err = a.ask(ctx, "/v1/status", 0, &report)
	return report, err
}

// health is how all are. The answer is held back until it is news, for so long at most.
func (a askedSupervisor) health(ctx context.Context, hold time.Duration) (health supervisor.Health, err error) {
	err = a.ask(ctx, fmt.Sprintf("/v1/health?hold=%d", int(hold.Seconds())), hold, &health)
	return health, err
}
