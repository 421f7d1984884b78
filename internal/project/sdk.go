package project

import (
	"os"
	"strings"
)

// installedSDK finds the workos package by its *.dist-info folder, whose name
// holds the version (PEP 376 and the wheel format).
func installedSDK(sitePackages []string) SDK {
	version := InstalledVersion(sitePackages, "workos")
	sdk := SDK{Installed: version}
	if n, _ := release(version); len(n) > 0 {
		sdk.Dialect = "6"
		if n[0] < 6 {
			sdk.Dialect = "5"
		}
	}
	return sdk
}

// InstalledVersion is the version of a package in the first of the folders
// that has it; empty where none does.
func InstalledVersion(sitePackages []string, name string) string {
	name = NormalizeName(name)
	for _, dir := range sitePackages {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			stem, ok := strings.CutSuffix(e.Name(), ".dist-info")
			if !ok {
				continue
			}
			if pkg, version, ok := strings.Cut(stem, "-"); ok && NormalizeName(pkg) == name {
				return version
			}
		}
	}
	return ""
}
