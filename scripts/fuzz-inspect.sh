#!/bin/sh
# Fuzzes the readers of manifests, and inspect as a whole, for a time each ("10m"), and keeps in the packages' testdata
# some of the inputs that led into code which no other reached, for the tests to run on every time. Go's cache has all.
set -eu
cd "$(dirname "$0")/.."
for target in project/FuzzManifests recipe/FuzzInspect; do
	package=internal/${target%/*} name=${target#*/}
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" "./$package"
	kept=$package/testdata/fuzz/$name
	mkdir -p "$kept"
	find "$(go env GOCACHE)/fuzz/authfit/$package/$name" -type f -size -4k | sort | head -n 100 | xargs -I{} cp {} "$kept/"
done
