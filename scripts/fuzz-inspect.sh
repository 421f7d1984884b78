#!/bin/sh
# Fuzzes the readers of manifests, and inspect as a whole, for a time each ("10m"), and keeps in the packages' testdata
# the inputs that led into code which no other reached.
set -eu
cd "$(dirname "$0")/.."
for target in project/FuzzManifests recipe/FuzzInspect; do
	package=internal/${target%/*} name=${target#*/}
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" "./$package"
	mkdir -p "$package/testdata/fuzz/$name"
	find "$(go env GOCACHE)/fuzz/authfit/$package/$name" -type f -size -8k -exec cp {} "$package/testdata/fuzz/$name/" \;
done
