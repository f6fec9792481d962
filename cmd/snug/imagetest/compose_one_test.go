//go:build image

package imagetest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// oneOverride gives compose.yaml the image under test and a volume of its own, away from the one that people have.
func oneOverride(volume string) string {
	return fmt.Sprintf("services:\n  snug:\n    image: %s\nvolumes:\n  data:\n    name: %s\n", image(), volume)
}

func TestComposeOneContainer(t *testing.T) {
	eachCompose(t, func(t *testing.T, program []string) {
		p := openProject(t, program, "compose.yaml", oneOverride(volume(t)))
		p.environ = append(p.environ, "SNUG_LOG_FORMAT=json")
		p.up()
		config := docker(t, "exec", p.container("snug"), "snug", "config")
		for setting, want := range map[string]string{"SNUG_LOG_FORMAT": "json", "SNUG_LOG_LEVEL": "default"} {
			if !regexp.MustCompile(`(?m)^` + setting + `\b.*\b` + want + `\b`).MatchString(config) {
				t.Errorf("snug config, where %s should be %s:\n%s", setting, want, config)
			}
		}
		who := foundWorkspace(t, p.url())
		who.sayMany(p.url(), 20)

		// Docker starts it again whatever ends it.
		docker(t, "exec", p.container("snug"), "snug", "healthcheck")
		inside := docker(t, "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.Config.StopTimeout}}",
			p.container("snug"))
		if inside != "always true [ALL] [no-new-privileges:true] 30" {
			t.Errorf("it runs as %s", inside)
		}

		p.compose("down")
		p.up()
		who.checkLog(p.url())
		if err := who.enter(p.url(), "/api/auth/login"); err != nil {
			t.Errorf("after down and up: %v", err)
		}
		if log := p.compose("logs"); strings.Contains(log, "was not properly shut down") {
			t.Errorf("PostgreSQL was not shut down properly:\n%s", log)
		}
	})
}
