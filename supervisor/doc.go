// Package supervisor runs a set of services as child processes: it starts them in order, waits until each is
// ready, restarts what fails, stops all of them in reverse order and leaves no survivor.
//
// It knows nothing of what it runs. A program describes its services as a table of [Service] values, gives them
// to [New] and calls [Supervisor.Run]. It works as PID 1 of a container, and elsewhere as a child subreaper.
//
// One goroutine, the loop in Run, owns all state. Whatever happens reaches it as an event: a process started or
// ended, a probe gave its result, a deadline passed, someone gave a command. Readers get immutable snapshots.
//
//	loop      (supervisor.go)  owns the units and decides
//	lifecycle (lifecycle.go)   what can happen to a service, and what follows
//	unit      (unit.go)        one service: its state, and its lives
//	run       (run.go)         one life: a process, its phase and deadline, the steps of its end
//	order     (command.go)     a command, carried out in its turn
//	minder    (process.go)     one goroutine per process: launches it, waits for its end
//	prober    (probe.go)       one goroutine per process: asks whether it is well
//	reaper    (reaper.go)      starts every process and waits for every process, known or orphan
//	port      (port.go)        a listening socket that stays open whatever becomes of the process that serves it
package supervisor
