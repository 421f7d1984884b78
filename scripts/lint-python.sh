#!/bin/sh
# Lints the repository's own Python, and the modules that authfit writes in every form (internal/render): as a project
# of its own would, with nearly all rules that ruff has, and pyright's strict checks.
set -eu
cd "$(dirname "$0")/.."

go run ./internal/render .cache/rendered
ruff check .
ruff format --check .
pyright

# Left out: rules that contradict each other or the formatter's, that want a copyright, that forbid Any and numbers, and
# that move imports which a framework reads when it runs.
left_out=D203,D213,D413,COM812,CPY,ANN401,PLR2004,TC
# How Django has it: a model's own names with an underscore, and migrations.
names='lint.flake8-self.extend-ignore-names = ["_meta", "_base_manager", "_default_manager"]'
files='lint.per-file-ignores = {"**/migrations/*.py" = ["D104", "RUF012"]}'
for form in .cache/rendered/*; do
	case $form in
	*/5-*) python=3.8 version=py38 sdk=sdk5 ;;
	*) python=3.10 version=py310 sdk=sdk ;;
	esac
	for room in "$form"/*; do
		(
			cd "$room"
			ruff check --isolated --quiet --select ALL --ignore "$left_out" --target-version "$version" \
				--config 'src = ["."]' --config "$names" --config "$files" .
			ruff format --isolated --quiet --check .
		)
	done
	roots=
	for room in "$form"/*; do roots="$roots{\"root\": \"$(basename "$room")\"},"; done
	cat >"$form/pyrightconfig.json" <<-CONFIG
		{"include": ["."], "strict": ["."], "executionEnvironments": [${roots%,}],
		"pythonVersion": "$python", "venvPath": "../..", "venv": "$sdk", "reportMissingTypeStubs": false}
	CONFIG
	pyright --project "$form"
done
