// Package servicefile reads services that somebody adds to a supervisor's own, a TOML file each.
//
// A file that is wrong in any way is refused, with errors that name file, line and field; the others are taken.
package servicefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"snug/supervisor"
)

// Config says where the files are, and what their services are run with.
type Config struct {
	// Dir is the folder of the files NAME.toml. It need not exist. A service runs in it unless its file says otherwise.
	Dir string
	// Services are those that are there already: a file cannot take their names, and can come after them.
	Services []supervisor.Service
	// Env is the environment of every service, as KEY=VALUE, to which its file adds its own.
	Env []string
	// OOMScore is that of services whose file has none.
	OOMScore int
}

// name is what a service may be called: it becomes part of commands and metrics.
var name = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Load reads all files, in the order of their names. It returns the services that can be run with those of the
// configuration, and an error for each thing that is wrong.
func Load(config Config) ([]supervisor.Service, []error) {
	paths, err := list(config.Dir)
	if err != nil {
		return nil, []error{err}
	}
	var loaded []candidate
	var errs []error
	for _, path := range paths {
		c, wrong := load(config, path)
		errs = append(errs, wrong...)
		if len(wrong) == 0 {
			loaded = append(loaded, c)
		}
	}
	services, wrong := choose(config.Services, loaded)
	return services, append(errs, wrong...)
}

// list is the files of a folder that end in .toml, sorted. Hidden ones, such as those of editors, are left out.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the folder of services: %w", err)
	}
	var paths []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".toml") && !strings.HasPrefix(entry.Name(), ".") {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return paths, nil
}

// candidate is a service that is right by itself.
type candidate struct {
	supervisor.Service
	doc document
}

func load(config Config, path string) (candidate, []error) {
	f, errs := read(path)
	if len(errs) > 0 {
		return candidate{}, errs
	}
	return build(config, f, strings.TrimSuffix(filepath.Base(path), ".toml"))
}

// build makes the service of a file; it is called as the file is, unless that says otherwise.
func build(config Config, f file, called string) (candidate, []error) {
	if f.Name == "" {
		f.Name = called
	}
	b := &builder{file: f, config: config}
	if !name.MatchString(f.Name) {
		b.wrong("name", "%q must be 1 to 32 small letters, digits and - between them", f.Name)
	}
	service := b.service()
	return candidate{service, f.doc}, b.errs
}

// choose leaves out what cannot be run with the rest: a name that is taken, and an order that cannot be kept.
func choose(builtIn []supervisor.Service, candidates []candidate) ([]supervisor.Service, []error) {
	taken := map[string]string{}
	for _, s := range builtIn {
		taken[s.Name] = "a service that is always there"
	}
	var errs []error
	candidates = slices.DeleteFunc(candidates, func(c candidate) bool {
		by, clash := taken[c.Name]
		if clash {
			errs = append(errs, c.doc.wrong("name", "%q is the name of %s: choose another", c.Name, by))
		} else {
			taken[c.Name] = c.doc.path
		}
		return clash
	})
	accepted, refused := order(builtIn, candidates)
	for _, c := range refused {
		errs = append(errs, c.doc.wrong("after", "%s", whyNot(c, refused, taken)))
	}
	var services []supervisor.Service
	for _, c := range candidates {
		if accepted[c.Name] {
			services = append(services, c.Service)
		}
	}
	return services, errs
}

// order accepts what comes after accepted services only, until there is no more of that.
func order(builtIn []supervisor.Service, candidates []candidate) (accepted map[string]bool, refused []candidate) {
	accepted = map[string]bool{}
	for _, s := range builtIn {
		accepted[s.Name] = true
	}
	refused = slices.Clone(candidates)
	for before := -1; before != len(refused); {
		before = len(refused)
		refused = slices.DeleteFunc(refused, func(c candidate) bool {
			for _, name := range c.After {
				if !accepted[name] {
					return false
				}
			}
			accepted[c.Name] = true
			return true
		})
	}
	return accepted, refused
}

// whyNot says why a service cannot be put in order.
func whyNot(c candidate, refused []candidate, taken map[string]string) string {
	for _, name := range c.After {
		if _, known := taken[name]; !known {
			return fmt.Sprintf("there is no service %q", name)
		}
	}
	if cycle := findCycle(c, refused, []string{c.Name}, map[string]bool{}); cycle != nil {
		return "services wait for each other: " + strings.Join(cycle, " → ")
	}
	i := slices.IndexFunc(c.After, func(name string) bool {
		return slices.ContainsFunc(refused, func(other candidate) bool { return other.Name == name })
	})
	return fmt.Sprintf("%q was refused", c.After[i])
}

// findCycle follows the path on to its first service, which is at its end then, too. What was seen leads nowhere.
func findCycle(c candidate, among []candidate, path []string, seen map[string]bool) []string {
	for _, name := range c.After {
		if name == path[0] {
			return append(path, name)
		}
		i := slices.IndexFunc(among, func(other candidate) bool { return other.Name == name })
		if i < 0 || seen[name] {
			continue
		}
		seen[name] = true
		if cycle := findCycle(among[i], among, append(slices.Clone(path), name), seen); cycle != nil {
			return cycle
		}
	}
	return nil
}
