// Command sbom writes a software bill of materials of the container image, as CycloneDX JSON: the modules that are
// built into a Go binary, by its own build information, and Debian's packages, by dpkg's list of them. The same input
// gives the same bytes. The Dockerfile runs it.
//
//	sbom --binary snug --version 1.2.3 --dpkg /var/lib/dpkg/status --os-release /etc/os-release >sbom.cdx.json
package main

import (
	"debug/buildinfo"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/CycloneDX/cyclonedx-go"
)

func main() {
	var in inputs
	flag.StringVar(&in.binary, "binary", "", "the Go program that the image is about")
	flag.StringVar(&in.version, "version", "", "its version, which build information does not tell")
	flag.StringVar(&in.dpkg, "dpkg", "", "dpkg's status `file`")
	flag.StringVar(&in.osRelease, "os-release", "", "the os-release `file` beside it, os-release(5)")
	flag.Parse()
	if err := write(os.Stdout, in); err != nil {
		fmt.Fprintln(os.Stderr, "sbom: "+err.Error())
		os.Exit(1)
	}
}

// inputs are what the bill is made from: three files and a version.
type inputs struct{ binary, version, dpkg, osRelease string }

func write(w io.Writer, in inputs) error {
	info, err := buildinfo.ReadFile(in.binary)
	if err != nil {
		return fmt.Errorf("read the build information of the binary: %w", err)
	}
	packages, err := readPackages(in.dpkg)
	if err != nil {
		return err
	}
	system, err := readSystem(in.osRelease)
	if err != nil {
		return err
	}
	components := append(modulesOf(info), system.component())
	for _, p := range packages {
		components = append(components, system.packageComponent(p))
	}
	bill := cyclonedx.NewBOM()
	bill.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{
		Type: cyclonedx.ComponentTypeApplication, Name: info.Main.Path, Version: in.version, BOMRef: info.Main.Path,
	}}
	bill.Components = &components
	encoder := cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	return encoder.EncodeVersion(bill, cyclonedx.SpecVersion1_5) // as new as what scanners read
}
