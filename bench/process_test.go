package main

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

func TestProcessorTimeOfProcessesThatComeAndGo(t *testing.T) {
	ended := exec.Command("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
	before, err := cpuOf(os.Getpid())
	if err == nil {
		err = ended.Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	spent := ended.ProcessState.UserTime() + ended.ProcessState.SystemTime()
	after, err := cpuOf(os.Getpid(), ended.Process.Pid)
	if err != nil || after-before < spent-2*tick {
		t.Errorf("of a child that took %s and has ended, %s are counted: %v", spent, after-before, err)
	}
	if _, err := cpuOf(ended.Process.Pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a server that has ended is measured: %v", err)
	}
}
