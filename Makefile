# Needs Go and Python, and for the tests Chromium: scripts/setup.sh puts the rest into .cache, and says so when one is
# missing.
export CGO_ENABLED := 0
FUZZTIME ?= 10m
ENV := . .cache/env &&

.PHONY: build setup test lint bench checklist survey apps properties reliability managers fuzz fuzz-short pins clean

build:
	@scripts/setup.sh go
	go build -trimpath -o bin/authfit ./cmd/authfit

setup:
	@scripts/setup.sh

test: setup
	@$(ENV) scripts/test-python.sh
	@$(ENV) go test -timeout 20m ./...

lint: setup
	@$(ENV) go tool -modfile=tools/go.mod golangci-lint run
	@$(ENV) scripts/lint-python.sh

bench: setup
	@$(ENV) go run ./internal/bench

# Every fuzz target, for FUZZTIME each; inputs that led somewhere new are kept for the tests.
fuzz: setup
	@$(ENV) scripts/fuzz.sh $(FUZZTIME)

# A minute each for what changes files of the owner's, and for what is read back from the disk.
fuzz-short: setup
	@$(ENV) scripts/fuzz.sh 1m pysyntax/FuzzEdits edit/FuzzEnv manager/FuzzRequirements plan/FuzzDecode txn/FuzzJournal

# The 34 lines that a login must stand up to, on each example, as a table.
checklist: setup
	@$(ENV) go run ./internal/checklist >docs/checklist.md

# Holds inspect against what is true of public repositories: internal/survey says what has to be in CORPUS.
survey: setup
	@$(ENV) go run ./internal/survey $(CORPUS) >docs/survey.md

# Adds a login to public apps and takes it back: internal/apps says what has to be in CORPUS.
apps: setup
	@$(ENV) go run ./internal/apps $(CORPUS) >docs/apps.md

# Kills authfit and lets the disk fail under it in every way, and prints the tables of docs/RELIABILITY.md.
reliability: setup
	@scripts/setup.sh strace
	@$(ENV) go run ./internal/reliability

# Holds add and undo to what must be true of them in any project, and prints the tables for docs/RELIABILITY.md:
# internal/properties says what has to be in CORPUS.
properties: setup
	@$(ENV) go run ./internal/properties $(CORPUS)

# Newest versions of what tools/*.in name, for every Python that they are for.
pins: setup
	@$(ENV) for name in tools:3.10 sdk:3.10 sdk5:3.8; do \
		uv pip compile --quiet --upgrade --universal --python-version $${name#*:} --no-annotate --no-header \
		tools/$${name%:*}.in --output-file tools/$${name%:*}.txt; done

# Every way in which a package manager fails, with each of them: `make test` does it with uv and pip.
managers: setup
	@$(ENV) AUTHFIT_TEST_MANAGERS="uv,poetry,pipenv,pdm,pip,uv pip" go test -count 1 -timeout 30m -v \
		-parallel 1 -run TestFailingManagers ./internal/cli

clean:
	rm -rf .cache bin
