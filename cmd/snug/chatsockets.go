package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"snug/supervisor"
)

// chatSockets are what a chat process listens on. Those in the run folder are one of each for each slot.
type chatSockets struct {
	public   net.Listener
	ready    net.Listener // chat.SLOT.sock: readiness and liveness
	handover net.Listener // chat.SLOT.conn.sock: connections of the chat process before
	// successor is the handover socket of the other slot.
	successor string
}

func openChatSockets(run string) (s chatSockets, err error) {
	slot, other, err := chatSlot()
	if err != nil {
		return s, err
	}
	if s.ready, err = supervisor.ListenPrivately(filepath.Join(run, "chat."+slot+".sock")); err != nil {
		return s, err
	}
	if s.handover, err = supervisor.ListenPrivately(filepath.Join(run, "chat."+slot+".conn.sock")); err != nil {
		return s, err
	}
	s.successor = filepath.Join(run, "chat."+other+".conn.sock")
	s.public, err = takePort(os.Getenv(inheritedPort))
	return s, err
}

// chatSlot is this process's slot, and that of the process that takes over from it.
func chatSlot() (own, other string, err error) {
	switch slot := os.Getenv(supervisor.SlotVariable); slot {
	case "", "0":
		return "0", "1", nil
	case "1":
		return "1", "0", nil
	default:
		return "", "", fmt.Errorf("%s=%q: must be 0 or 1", supervisor.SlotVariable, slot)
	}
}
