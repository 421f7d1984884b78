#!/bin/sh
# Runs the tests that are written in Python: the example apps' own, as their READMEs run them, and those of the modules
# that authfit writes, in every form (internal/render) and on every Python at hand that the form is for.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
export PYTHONDONTWRITEBYTECODE=1 PYTEST_ADDOPTS="-q -p no:cacheprovider"

run() {
	echo "== $1: python $2"
	# shellcheck disable=SC2086 # the arguments are words
	(cd "$1" && "$AUTHFIT_TEST_PYTHON" $2)
}

run examples/django "manage.py test"
run examples/flask "-m pytest"
run examples/fastapi "-m pytest"
run examples/pipenv "-m pytest"
run examples/vanilla "-m unittest"
# The fixture that docs/authkit.md shows, with the program that it starts.
go build -trimpath -o .cache/bin/authfit ./cmd/authfit
AUTHFIT="$root/.cache/bin/authfit" run docs/pytest "-m pytest"

# modules runs the tests of a form with an interpreter.
modules() {
	form=$1 python=$(cd "$(dirname "$2")" && pwd)/python
	for room in flask fastapi django; do
		tests="internal/recipe/authkit/tests/test_$room.py"
		[ "$room" = flask ] && tests="$tests internal/recipe/authkit/tests/test_workos_authkit.py internal/recipe/authkit/tests/test_flask_login.py"
		[ "$room" = django ] && tests="internal/recipe/django/tests/test_auth_views.py"
		case $form-$room in
		*-all-*) tests="$tests $(find internal/recipe/*/tests -name "test_${room}_features.py" -o -name "test_${room}_cookies.py")" ;;
		*-cookies-django) tests="$tests internal/recipe/django/tests/test_django_cookies.py" ;;
		*-cookies-*) continue ;;
		*-min-django) tests="$tests internal/recipe/django/tests/test_users.py" ;; # half a minute: a site for each model
		esac
		echo "== $room, form $form: $("$python" -V)"
		# shellcheck disable=SC2086 # the tests are words
		AUTHFIT_MODULES="$root/.cache/rendered/$form/$room" "$python" -m pytest --import-mode=importlib $tests
	done
}

go run ./internal/render .cache/rendered
modules 6-min "$AUTHFIT_TEST_PYTHON"
modules 6-all "$AUTHFIT_TEST_PYTHON"
modules 6-cookies "$AUTHFIT_TEST_PYTHON"
modules 5-min .cache/sdk5/bin/python
modules 5-all .cache/sdk5/bin/python

# at names the interpreter of an environment with what tools/$2.txt pins for Python $1, or nothing where there is no such
# Python on this machine.
at() {
	for found in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python "python$1" ""; do
		[ -z "$found" ] && return
		found=$("$found" -c 'import sys; print(sys.executable)' 2>/dev/null) && break
	done
	dir=.cache/pythons/$1
	if [ "$found $(cksum <"tools/$2.txt")" != "$(cat "$dir/stamp" 2>/dev/null)" ]; then
		rm -rf "$dir"
		uv venv --quiet --python "$found" "$dir"
		uv pip install --quiet --python "$dir" --requirement "tools/$2.txt"
		echo "$found $(cksum <"tools/$2.txt")" >"$dir/stamp"
	fi
	echo "$root/$dir/bin/python"
}

own=$("$AUTHFIT_TEST_PYTHON" -c 'import sys; print("3.%d" % sys.version_info[1])')
for version in 3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15; do
	sdk=sdk form=6-all
	case $version in
	3.8 | 3.9) sdk=sdk5 form=5-all ;;
	"$own") continue ;;
	esac
	python=$(at "$version" "$sdk")
	if [ -n "$python" ]; then
		modules "$form" "$python"
	else
		echo "== no Python $version here"
	fi
done
