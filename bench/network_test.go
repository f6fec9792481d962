package main

import (
	"net"
	"os"
	"strings"
	"testing"
)

func TestTheOwnNetworkHasALoopbackThatDoesNotPace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can have a network of its own")
	}
	before, err := net.Interfaces()
	if err != nil || len(before) == 0 {
		t.Fatalf("the machine has no network: %v", err)
	}
	var interfaces []net.Interface
	var control []byte
	err = inOwnNetwork(func() error {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close()
		conn, err := net.Dial("tcp4", listener.Addr().String())
		if err != nil {
			return err
		}
		defer conn.Close()
		if interfaces, err = net.Interfaces(); err != nil {
			return err
		}
		control, err = os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
		return err
	})
	if err != nil || len(interfaces) != 1 || interfaces[0].Name != "lo" || strings.TrimSpace(string(control)) != "reno" {
		t.Errorf("it has %v and %q: %v", interfaces, control, err)
	}
	after, err := net.Interfaces()
	if err != nil || len(after) != len(before) {
		t.Errorf("what runs outside had %v and has %v: %v", before, after, err)
	}
}
