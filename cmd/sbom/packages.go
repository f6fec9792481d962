package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/package-url/packageurl-go"
)

// dpkgPackage is a package that is installed.
type dpkgPackage struct{ name, version, architecture, source string }

// readPackages reads dpkg's list of packages: paragraphs of fields (deb-control(5)), which is how mail headers are written too.
func readPackages(path string) ([]dpkgPackage, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var packages []dpkgPackage
	reader := textproto.NewReader(bufio.NewReader(file))
	for {
		fields, err := reader.ReadMIMEHeader()
		if errors.Is(err, io.EOF) && len(fields) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read %s after %d packages: %w", path, len(packages), err)
		}
		if strings.HasSuffix(fields.Get("Status"), " installed") {
			packages = append(packages, dpkgPackage{
				fields.Get("Package"), fields.Get("Version"), fields.Get("Architecture"), fields.Get("Source"),
			})
		}
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("%s lists no installed package", path)
	}
	return packages, nil
}

// system is the distribution that the packages are of.
type system struct{ id, version, name string }

// readSystem reads os-release(5): assignments as in a shell, of which only values in quotes or without need be understood.
func readSystem(path string) (system, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return system{}, err
	}
	values := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			values[key] = strings.Trim(value, `"'`)
		}
	}
	s := system{id: values["ID"], version: values["VERSION_ID"], name: values["PRETTY_NAME"]}
	if s.id == "" {
		return s, fmt.Errorf("%s names no distribution", path)
	}
	return s, nil
}

func (s system) component() cyclonedx.Component {
	return cyclonedx.Component{
		Type: cyclonedx.ComponentTypeOS, Name: s.id, Version: s.version, Description: s.name, BOMRef: "os:" + s.id + "@" + s.version,
	}
}

func (s system) packageComponent(p dpkgPackage) cyclonedx.Component {
	qualifiers := map[string]string{"arch": p.architecture, "distro": s.id + "-" + s.version}
	if source, _, _ := strings.Cut(p.source, " "); source != "" {
		qualifiers["upstream"] = source // what advisories are about
	}
	return library("deb", s.id, p.name, p.version, packageurl.QualifiersFromMap(qualifiers))
}
