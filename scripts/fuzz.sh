#!/usr/bin/env bash
# Fuzzes targets for a time each ("10m"), two side by side on a processor each: fuzz.sh TIME [PACKAGE/TARGET...], for
# instance "edit/FuzzEnv"; all that there are without any. An input that fails lies in the package's testdata then, and
# fails this script. Of the inputs that led into code which no other reached, the smallest are kept in testdata, up to a
# hundred a target, for the tests to run on every time. Go's cache has all.
set -euo pipefail
cd "$(dirname "$0")/.."
export time=$1
shift
[ $# -gt 0 ] || set -- $(grep -ro '^func Fuzz[A-Za-z]*(f \*testing.F) {' internal --include='*_test.go' |
	sed 's|^internal/\(.*\)/[^/]*:func \(Fuzz[A-Za-z]*\).*|\1/\2|' | sort)

# fuzz runs one target, and shows at its end what it said.
fuzz() {
	package=internal/${1%/*} name=${1##*/} began=$(mktemp) result=0
	# Making an input smaller takes the time in which others would be found.
	said=$(go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 10x -parallel 1 "./$package" 2>&1) || result=1
	printf '%s\n' "$1" "$said" | cut -c 1-2000 | awk '/^fuzz: elapsed/ { last = $0; next } { print } END { print last }'
	keep
	rm "$began"
	return $result
}

# keep copies the smallest inputs that this run has found, until a hundred are kept.
keep() {
	kept=$package/testdata/fuzz/$name found=$(go env GOCACHE)/fuzz/authfit/$package/$name
	[ -d "$found" ] || return 0
	mkdir -p "$kept"
	free=$((100 - $(find "$kept" -type f | wc -l)))
	find "$found" -type f -size -8 -newer "$began" -exec ls -rS {} + | awk -v free="$free" 'NR <= free' |
		while read -r input; do cp "$input" "$kept/"; done
}

export -f fuzz keep
printf '%s\n' "$@" | xargs -P 2 -I{} bash -euo pipefail -c 'fuzz "$1"' fuzz {}
