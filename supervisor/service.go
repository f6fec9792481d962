package supervisor

import (
	"os"
	"slices"
	"syscall"
	"time"
)

// Kind says what is expected of a service's process.
type Kind int

const (
	// Daemon runs until it is stopped; its end is a failure.
	Daemon Kind = iota
	// Task runs once, to its end; exit code 0 makes it done.
	Task
	// External is run by somebody else and only probed.
	External
)

// Command is a process to be launched. Its standard input is /dev/null; its output goes to the log.
type Command struct {
	// Path is the program's absolute path; Args are its arguments, beginning with its name.
	Path string
	Args []string
	// Env is the whole environment, as KEY=VALUE; it is not mixed with the supervisor's own.
	Env []string
	// Dir is the working directory; empty means the supervisor's.
	Dir string
	// Files are inherited from descriptor 3 on.
	Files []*os.File
}

// StopStep is one step of an escalation: a signal, and how long it is given before the next step.
// After the last step comes SIGKILL to all that is left.
type StopStep struct {
	Signal syscall.Signal
	Grace  time.Duration
}

// Service is a row of the table: what to run, after what, how it is probed, restarted and stopped.
type Service struct {
	Name string
	Kind Kind
	// After names the services that must have been ready (or done) once before this one is started.
	After []string
	// Required services make the whole unhealthy when they are not ready; the others only degrade it.
	Required bool
	// Command is called at each start, outside the loop, so that it may look at the disk.
	Command func() (Command, error)
	// Ready is asked while starting, Live from then on. A Task needs neither; a nil Live is not asked.
	Ready, Live Check
	Probing     Probing
	Restart     Restart
	// Stop is the escalation; empty means SIGTERM with ten seconds.
	Stop []StopStep
	// Port is handed to the process as its last inherited file, and is the process's to accept on while it is ready.
	Port *HeldPort
	// Overlap makes a planned restart start the new process beside the old one, which is stopped once the new one is
	// ready. The two tell themselves apart by their slot, see [Process].
	Overlap bool
	// ParentDeath is what the kernel sends when the supervisor dies (PR_SET_PDEATHSIG); zero means SIGKILL.
	ParentDeath syscall.Signal
	// OnLine is told of every line that the service prints, in order, but for those of a flood (see [LogLimit]). It is
	// called outside the loop and must be quick: the service's output waits for it.
	OnLine func(Process, Line)
	// OOMScore is the service's place in the room between the supervisor's own oom_score_adj and 1000 (proc(5)): the
	// higher, the sooner the kernel ends it when memory runs out. See [OOMScoreAdj].
	OOMScore int
}

// Process is one process of a service.
type Process struct {
	Pid int
	// Slot is 0 or 1: it tells the two processes of an overlapped restart apart, so that each has, say, a socket of
	// its own. The process finds it in its environment as SUPERVISOR_SLOT.
	Slot int

	// service and reaper are what [CommandCheck] runs its command with; only a check is given them.
	service string
	reaper  *reaper
}

// Probing is the timing of a service's probes. Zero fields take the defaults of [DefaultProbing].
type Probing struct {
	// StartTimeout bounds the time from launch to ready.
	StartTimeout time.Duration
	// ReadyInterval is the pause between readiness probes in the first second, and ten times that from then on.
	ReadyInterval time.Duration
	// LiveInterval is the time from the begin of one liveness probe to that of the next.
	LiveInterval time.Duration
	// Timeout bounds one probe. It is also the time from one liveness probe to the next after one that failed.
	Timeout time.Duration
	// FailureThreshold liveness failures in a row get the process restarted; the first makes it unhealthy.
	FailureThreshold int
}

// DefaultProbing are the timings used where a service sets none: a process that hangs is found within five seconds.
var DefaultProbing = Probing{
	StartTimeout:     60 * time.Second,
	ReadyInterval:    5 * time.Millisecond,
	LiveInterval:     2 * time.Second,
	Timeout:          time.Second,
	FailureThreshold: 3,
}

// Policy says which ends of a daemon are followed by a new start.
type Policy string

// The policies. A hang found by the liveness probe is a failure.
const (
	// RestartAlways starts it again after any end; it is the default.
	RestartAlways Policy = "always"
	// RestartOnFailure takes an end with exit code 0 as the service's own wish.
	RestartOnFailure Policy = "on-failure"
	// RestartNever leaves it ended; after a failure as failed.
	RestartNever Policy = "never"
)

// Valid says whether there is such a policy; none is the default one.
func (p Policy) Valid() bool {
	return slices.Contains([]Policy{"", RestartAlways, RestartOnFailure, RestartNever}, p)
}

// Restart is what happens after a failure. Zero fields take the defaults of [DefaultRestart].
type Restart struct {
	Policy Policy
	// Min is the first pause, doubled at each failure in a row up to Max. The first failure after a
	// spell of health of HealthyAfter is not followed by a pause at all.
	Min, Max, HealthyAfter time.Duration
	// Burst failures in a row make the service failed; it is then tried again every RetryFailed.
	Burst       int
	RetryFailed time.Duration
}

// DefaultRestart is the policy used where a service sets none. A service that fails at once each time is failed after
// about seven seconds.
var DefaultRestart = Restart{
	Policy:       RestartAlways,
	Min:          20 * time.Millisecond,
	Max:          10 * time.Second,
	HealthyAfter: time.Second,
	Burst:        10,
	RetryFailed:  30 * time.Second,
}

func (s Service) withDefaults() Service {
	setDefault(&s.Probing.StartTimeout, DefaultProbing.StartTimeout)
	setDefault(&s.Probing.ReadyInterval, DefaultProbing.ReadyInterval)
	setDefault(&s.Probing.LiveInterval, DefaultProbing.LiveInterval)
	setDefault(&s.Probing.Timeout, DefaultProbing.Timeout)
	setDefault(&s.Probing.FailureThreshold, DefaultProbing.FailureThreshold)
	setDefault(&s.Restart.Policy, DefaultRestart.Policy)
	setDefault(&s.Restart.Min, DefaultRestart.Min)
	setDefault(&s.Restart.Max, DefaultRestart.Max)
	setDefault(&s.Restart.HealthyAfter, DefaultRestart.HealthyAfter)
	setDefault(&s.Restart.Burst, DefaultRestart.Burst)
	setDefault(&s.Restart.RetryFailed, DefaultRestart.RetryFailed)
	setDefault(&s.ParentDeath, syscall.SIGKILL)
	if len(s.Stop) == 0 {
		s.Stop = []StopStep{{syscall.SIGTERM, 10 * time.Second}}
	}
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
