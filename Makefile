# Two commands are enough: make run, make test. Each does its own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# A working copy whose owner is somebody else, or an unpacked archive, has no
# version to stamp; what git knows is given to the linker instead.
# DuckDB hands its results over as Arrow only with this tag; without it everything
# works, and exports are slower.
export GOFLAGS := -buildvcs=false -tags=duckdb_arrow $(GOFLAGS)
VERSION := $(shell git describe --tags --dirty 2>/dev/null)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
COMMITTED := $(shell git log -1 --format=%cI 2>/dev/null)
LDFLAGS := -X footfall/internal/ops.version=$(VERSION) -X footfall/internal/ops.commit=$(COMMIT) -X footfall/internal/ops.committed=$(COMMITTED)

# Tools are built from source into the user's cache, by version: a fresh clone
# finds them there.
TOOLS         := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/footfall/bin
GOLANGCI_LINT := v2.15.0
LINT          := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT)

# Packages that share memory between goroutines and can be built without DuckDB,
# whose C++ the race detector neither sees nor links quickly.
RACE := ./collector/... ./schemas/... ./internal/... ./bench/... ./reporter/api ./reporter/catalog/... ./reporter/export
# Packages whose tests start processes: they always run, from no cache.
PROCESS := ./collector/journal ./cmd/...

.PHONY: help
help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build, and start everything in one process with a sample to try, its data in ./data (ARGS= for more)
	@bin/footfall all --sample $(ARGS)

.PHONY: build
build: setup-build ## build bin/footfall and the static bin/footfall-collector
	go build -ldflags '$(LDFLAGS)' -o bin/footfall ./cmd/footfall
	CGO_ENABLED=0 go build -ldflags '$(LDFLAGS)' -o bin/footfall-collector ./cmd/footfall-collector

.PHONY: test
test: setup ## run every check: lint, builds, race, unit tests and fuzz seeds, process tests
	@for step in lint test-build test-race test-unit test-process; do \
		echo "== $$step, after $${SECONDS}s"; $(MAKE) $$step; done

.PHONY: test-build
test-build: setup-build
	go build ./...
	CGO_ENABLED=0 go build -o /dev/null ./cmd/footfall-collector
	@if CGO_ENABLED=0 go list -deps ./cmd/footfall-collector | grep -E 'duckdb|^runtime/cgo$$'; then \
		echo "the collector must stay free of cgo" >&2; exit 1; fi

.PHONY: test-race
test-race: setup-build
	go test -race -timeout 20m $(RACE)

.PHONY: test-unit
test-unit: setup
	go test -timeout 20m $$(go list ./... | grep -vxF "$$(go list $(PROCESS))")

.PHONY: test-process
test-process: setup
	go test -count=1 -timeout 20m $(PROCESS)

.PHONY: lint
lint: $(LINT) setup-build ## hold the house rules (golangci-lint, built once into the user's cache)
	$(LINT) run --allow-parallel-runners ./...

.PHONY: fmt
fmt: $(LINT) ## format all Go files, and mend what the linters can mend themselves
	$(LINT) fmt ./...
	$(LINT) run --fix --allow-parallel-runners ./...

.PHONY: update
update: ## rewrite docs/config.md, docs/metrics.md and the table of docs/api.md from the sources
	go test ./cmd/footfall -run 'Docs$$' -update
	go test ./internal/tidy -run 'Docs$$' -update
	go test ./reporter/api -run Docs -update

.PHONY: fault-kill fault-power bench-edge bench-fresh bench-reports bench-export bench-web screenshots
fault-kill: setup-build ## kill -9 a journal writer under load, 200 times; prints what was acknowledged and lost
	FOOTFALL_KILLS=200 go test -count=1 -v -timeout 30m -run 'KillNine' ./collector/journal

fault-power: setup-build ## cut the power of a journal 1,000 times, any page and sector lost; prints what survived
	FOOTFALL_POWER_CUTS=1000 go test -count=1 -v -timeout 60m -run 'PowerCut' ./collector/journal

bench-edge: setup-build ## compare the redirect with a bare fasthttp 302, interleaved; prints CPU, p99 and ratios
	go run ./bench/edge $(ARGS)

bench-fresh: build ## measure how long a click takes until a report counts it, at 2,000 visits a second
	go run ./bench/fresh $(ARGS)

bench-reports: build ## time every kind of report and an explanation on the demo's data; fails above 100 ms
	go run ./bench/reports $(ARGS)

bench-export: setup-build ## compare exports with DuckDB's COPY TO, interleaved, over ten million rows; prints rows/s and memory
	go run ./bench/export $(ARGS)

bench-web: build ## time the dashboard on the demo's data, and a click's way to an open page; fails above its limits
	go run ./bench/web $(ARGS)

screenshots: build setup ## take the documentation's pictures of the dashboard anew, on the demo's data
	go run ./bench/web -screenshots docs/screenshots $(ARGS)

.PHONY: setup setup-build
setup: setup-build ## install what the tests need and is missing (Debian, as root); instant when all is there
	@deploy/setup/debian.sh git strace mount unshare python3 soffice chromium
	@deploy/setup/python.sh
setup-build:
	@deploy/setup/debian.sh gcc g++

$(LINT): | setup-build
	@echo "building golangci-lint $(GOLANGCI_LINT), once: about a minute and a half"
	@mkdir -p $(TOOLS)/build && GOFLAGS= GOBIN=$(TOOLS)/build \
		go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@mv $(TOOLS)/build/golangci-lint $@

.PHONY: clean
clean: ## remove what was built; data stays
	rm -rf bin
