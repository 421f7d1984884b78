#!/bin/sh
# Runs the tests that are written in Python with the Python of .cache/sdk: the example apps' own, as their READMEs run
# them, and those of the files that authfit writes (test_*.py anywhere below internal/recipe).
set -eu
cd "$(dirname "$0")/.."
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

if [ -n "$(find internal/recipe -name 'test_*.py')" ]; then
	run internal/recipe "-m pytest --import-mode=importlib"
fi
