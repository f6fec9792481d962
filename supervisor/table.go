package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// validate checks the table as a whole: names, what a row must have, and that the order has no cycle.
func validate(services []Service) error {
	byName := map[string]Service{}
	var errs []error
	for _, s := range services {
		if s.Name == "" {
			errs = append(errs, errors.New("a service has no name"))
		}
		if _, twice := byName[s.Name]; twice {
			errs = append(errs, fmt.Errorf("service %q is there twice", s.Name))
		}
		byName[s.Name] = s
		if s.Kind != External && s.Command == nil {
			errs = append(errs, fmt.Errorf("service %q has no command", s.Name))
		}
		if s.Kind == Daemon && s.Ready == nil {
			errs = append(errs, fmt.Errorf("daemon %q has no readiness probe", s.Name))
		}
		if !s.Restart.Policy.Valid() {
			errs = append(errs, fmt.Errorf("service %q has the restart policy %q, which does not exist", s.Name, s.Restart.Policy))
		}
		if s.Kind == External && s.Live == nil {
			errs = append(errs, fmt.Errorf("external service %q has no liveness probe", s.Name))
		}
	}
	for _, s := range services {
		for _, name := range s.After {
			if _, known := byName[name]; !known {
				errs = append(errs, fmt.Errorf("service %q comes after %q, which does not exist", s.Name, name))
			}
		}
	}
	if cycle := findCycle(services, byName); cycle != nil {
		errs = append(errs, fmt.Errorf("services wait for each other: %s", strings.Join(cycle, " → ")))
	}
	return errors.Join(errs...)
}

// findCycle walks the After edges depth first and returns the first cycle, its first name repeated at the end.
func findCycle(services []Service, byName map[string]Service) []string {
	finished := map[string]bool{}
	var path []string
	var visit func(name string) []string
	visit = func(name string) []string {
		if finished[name] {
			return nil
		}
		if i := slices.Index(path, name); i >= 0 {
			return append(slices.Clone(path[i:]), name)
		}
		path = append(path, name)
		for _, next := range byName[name].After {
			if cycle := visit(next); cycle != nil {
				return cycle
			}
		}
		path = path[:len(path)-1]
		finished[name] = true
		return nil
	}
	for _, s := range services {
		if cycle := visit(s.Name); cycle != nil {
			return cycle
		}
	}
	return nil
}
