package chat

import "snug/store"

// Who may do what is said here and nowhere else. What somebody may not see is another matter: the store answers it with
// NotFound, as if it were not there.

// access says who may use a route.
type access int

const (
	public   access = iota // everybody
	member                 // who is logged in
	notGuest               // owners, admins and members
	admin                  // owners and admins
	owner                  // owners
)

// refuse returns why the user may not use a route of this class; nil when they may.
func (a access) refuse(u store.User) error {
	switch {
	case a == notGuest && u.Role == store.Guest:
		return newProblem(store.Forbidden, "Guests may not do this.")
	case a == admin && !runs(u):
		return newProblem(store.Forbidden, "Only owners and admins may do this.")
	case a == owner && u.Role != store.Owner:
		return newProblem(store.Forbidden, "Only owners may do this.")
	}
	return nil
}

// runs reports whether the user runs the workspace.
func runs(u store.User) bool { return u.Role == store.Owner || u.Role == store.Admin }

// mayManage permits what is done to users below who: owners are above everybody, admins above members and guests.
func mayManage(who store.User) store.Permit {
	return func(u store.User) error {
		if who.Role == store.Owner || who.Role == store.Admin && !runs(u) {
			return nil
		}
		return newProblem(store.Forbidden, "Only owners may do this to owners and admins.")
	}
}

// mayAppoint returns why who may not give somebody the role; nil when they may.
func mayAppoint(who store.User, role store.Role) error {
	if (role == store.Owner || role == store.Admin) && who.Role != store.Owner {
		return newProblem(store.Forbidden, "Only owners make owners and admins.")
	}
	return nil
}
