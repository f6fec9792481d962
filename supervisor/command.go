package supervisor

// Action is what an operator can have done with a service.
type Action string

// The actions.
const (
	// ActionStart has a service run; it is done when that is ready.
	ActionStart Action = "start"
	// ActionStop ends a service until it is started again; it is done when nothing of it lives.
	ActionStop Action = "stop"
	// ActionRestart replaces its process, see [Service].Overlap; it is done when the new one is ready and the old one gone.
	ActionRestart Action = "restart"
)

// Refusal is the answer to a command that was not carried out.
type Refusal struct {
	Message string `json:"message"`
}
