package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
)

const status = `Package: libc6
Status: install ok installed
Source: glibc
Architecture: amd64
Version: 2.41-12+deb13u5
Description: GNU C Library: Shared libraries
 Contains the standard libraries.
 .
 And more.

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: libgcc-s1
Status: install ok installed
Source: gcc-14 (14.2.0-19)
Architecture: amd64
Version: 1:14.2.0-19
Conffiles:
 /etc/a 0123
`

const osRelease = `PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
ID=debian
VERSION_ID="13"
`

func testInputs(t *testing.T) inputs {
	t.Helper()
	self, err := os.Executable() // a Go binary, whose build information is known
	if err != nil {
		t.Fatal(err)
	}
	in := inputs{self, "1.2.3", filepath.Join(t.TempDir(), "status"), filepath.Join(t.TempDir(), "os-release")}
	for path, content := range map[string]string{in.dpkg: status, in.osRelease: osRelease} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

func TestBillNamesAllThatIsInTheImage(t *testing.T) {
	in := testInputs(t)
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := write(out, in); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Error("the same input made two different bills")
	}
	var bill cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(&first, cyclonedx.BOMFileFormatJSON).Decode(&bill); err != nil {
		t.Fatal(err)
	}
	if got := bill.Metadata.Component; got.Name != "snug" || got.Version != "1.2.3" {
		t.Errorf("the bill is about %s %s", got.Name, got.Version)
	}
	var names []string
	for _, component := range *bill.Components {
		names = append(names, component.BOMRef)
	}
	for _, want := range []string{
		"os:debian@13",
		"pkg:deb/debian/libc6@2.41-12%2Bdeb13u5?arch=amd64&distro=debian-13&upstream=glibc",
		"pkg:deb/debian/libgcc-s1@1:14.2.0-19?arch=amd64&distro=debian-13&upstream=gcc-14",
		"pkg:golang/github.com/CycloneDX/cyclonedx-go@v0.12.0",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %q", want, names)
		}
	}
	if i := slices.IndexFunc(*bill.Components, func(c cyclonedx.Component) bool { return c.Name == "gone" }); i >= 0 {
		t.Error("a package that was removed is in the bill")
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for name, spoil := range map[string]func(*inputs){
		"no binary":       func(in *inputs) { in.binary = in.dpkg },
		"no packages":     func(in *inputs) { in.dpkg = os.DevNull },
		"no distribution": func(in *inputs) { in.osRelease = os.DevNull },
		"no such file":    func(in *inputs) { in.dpkg += "x" },
		"no list":         func(in *inputs) { in.dpkg = in.binary },
	} {
		in := testInputs(t)
		spoil(&in)
		var out bytes.Buffer
		if err := write(&out, in); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v, %d bytes written", name, err, out.Len())
		}
	}
}

func FuzzReadPackages(f *testing.F) {
	f.Add([]byte(status))
	f.Add([]byte("Package: a\nStatus: install ok installed\nVersion: 1"))
	path := filepath.Join(f.TempDir(), "status")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		packages, err := readPackages(path)
		if (err == nil) != (len(packages) > 0) {
			t.Errorf("%d packages and %v", len(packages), err)
		}
	})
}

func TestPackagesOfParagraphs(t *testing.T) {
	packages, err := readPackages(testInputs(t).dpkg)
	if err != nil {
		t.Fatal(err)
	}
	want := []dpkgPackage{{"libc6", "2.41-12+deb13u5", "amd64", "glibc"}, {"libgcc-s1", "1:14.2.0-19", "amd64", "gcc-14 (14.2.0-19)"}}
	if diff := cmp.Diff(want, packages, cmp.AllowUnexported(dpkgPackage{})); diff != "" {
		t.Error(diff)
	}
}
