package main

import (
	"fmt"

	"snug/supervisor"
)

// The order in which the kernel takes processes when memory runs out: what is missed least comes first, and last of all
// the supervisor, which would take the rest with it. A backend of PostgreSQL comes before its postmaster: the loss of
// either restarts the cluster, and that of the postmaster takes longer.
const (
	guestScore    = 400 // services that users add
	chatScore     = 300
	cacheScore    = 200
	backendScore  = 150
	postgresScore = 100
)

// postgresOOM tells the postmaster to score its own children: PostgreSQL docs, "Linux Memory Overcommit". Where the
// kernel keeps no scores there is nothing to tell.
func postgresOOM() []string {
	score, err := supervisor.OOMScoreAdj(backendScore)
	if err != nil {
		return nil
	}
	return []string{"PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj", fmt.Sprintf("PG_OOM_ADJUST_VALUE=%d", score)}
}
