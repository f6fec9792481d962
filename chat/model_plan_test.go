package chat_test

import (
	"fmt"

	"pgregory.net/rapid"
)

// plan is what happens in one scene of the model test: all of it is drawn beforehand, so that a seed gives it again. What
// meets what at which moment is up to the machine.
type plan struct {
	programs [][]step // what each device does, one after the other
	faults   []fault  // in rising order of after
}

// step is something that somebody does on a device.
type step struct {
	what    string
	channel int // index into the scene's channels
	which   int // which message, emoji, user or way
	node    int // where to connect, if there is a choice
	http    bool
}

func (s step) String() string {
	return fmt.Sprintf("%s channel=%d which=%d node=%d http=%t", s.what, s.channel, s.which, s.node, s.http)
}

// fault is something that is broken, and mended again.
type fault struct {
	after int // so many steps of all devices
	what  string
	which int
}

// stepKinds are drawn from; what is there more often happens more often.
var stepKinds = []string{
	"send", "send", "send", "send", "burst", "reply", "reply", "edit", "edit", "delete", "react", "react", "react", "take back",
	"pin", "unpin", "join", "join", "leave", "add", "add", "remove", "topic", "read", "typing", "fetch", "hang up", "hang up", "connect", "connect",
}

var faultKinds = []string{
	"kill node", "kill node", "restart node", "hang node", "kill backend", "kill backend", "kill postgres", "hang postgres", "kill cache", "kill cache", "hang cache",
}

const (
	sceneDevices  = 8
	stepsEach     = 50
	stepsPerScene = sceneDevices * stepsEach
	sceneChannels = 4
	faultsPer     = 6
)

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		what:    rapid.SampledFrom(stepKinds).Draw(t, "what"),
		channel: rapid.IntRange(0, sceneChannels-1).Draw(t, "channel"),
		which:   rapid.IntRange(0, 999).Draw(t, "which"),
		node:    rapid.IntRange(0, 1).Draw(t, "node"),
		http:    rapid.Bool().Draw(t, "http"),
	}
})

var plans = rapid.Custom(func(t *rapid.T) plan {
	var p plan
	for range sceneDevices {
		p.programs = append(p.programs, rapid.SliceOfN(steps, stepsEach, stepsEach).Draw(t, "program"))
	}
	after := 0
	for range faultsPer {
		after += rapid.IntRange(20, 2*(stepsPerScene-60)/faultsPer).Draw(t, "after")
		p.faults = append(p.faults, fault{
			after: min(after, stepsPerScene-10), what: rapid.SampledFrom(faultKinds).Draw(t, "fault"), which: rapid.IntRange(0, 999).Draw(t, "which"),
		})
	}
	return p
})
