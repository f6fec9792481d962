package main

import (
	"runtime/debug"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/package-url/packageurl-go"
)

// modulesOf are the modules that are built into the program, and the standard library.
func modulesOf(info *debug.BuildInfo) []cyclonedx.Component {
	components := []cyclonedx.Component{library("golang", "", "stdlib", strings.TrimPrefix(info.GoVersion, "go"), nil)}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		namespace, name := "", module.Path
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			namespace, name = name[:i], name[i+1:]
		}
		component := library("golang", namespace, name, module.Version, nil)
		component.Name = module.Path
		components = append(components, component)
	}
	return components
}

// library is a component that is named by a package URL: https://github.com/package-url/purl-spec.
func library(kind, namespace, name, version string, qualifiers packageurl.Qualifiers) cyclonedx.Component {
	url := packageurl.NewPackageURL(kind, namespace, name, version, qualifiers, "").ToString()
	return cyclonedx.Component{Type: cyclonedx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: url, BOMRef: url}
}
