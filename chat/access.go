package chat

import "snug/store"

// access says who may use a route. What that means, and who may do what with whatever the route is about, is said in
// store/access.go and nowhere else.
type access = store.Access

const (
	public   = store.ForEverybody
	member   = store.ForUsers
	notGuest = store.ForMembers
	admin    = store.ForAdmins
	owner    = store.ForOwners
)
