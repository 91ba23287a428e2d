# linkd: `make` lists the targets.
SHELL    := /bin/sh
GO       ?= go
FUZZTIME ?= 60s
LINT     := tools/bin/golangci-lint

.DEFAULT_GOAL := help
.PHONY: help build console demo run check lint test bench-core bench-drivers bench-guard fuzz packages clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/linkd
	$(GO) build -o bin/linkd ./cmd/linkd

console: ## build the web console, whose bundle is committed: after a change below internal/console/web
	scripts/console

demo: build ## build linkd and serve a simulated fleet that dials in
	bin/linkd demo

run: build ## build linkd and serve examples/greenhouse.yaml
	bin/linkd serve -f examples/greenhouse.yaml

check: lint ## format, vet, lint, and the rules of the house
	@out=$$(gofmt -l $$(find . -name '*.go' -not -path './tools/*')); \
	if [ -n "$$out" ]; then echo "not formatted (gofmt -w):"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) test ./internal/archtest
	@! git ls-files --cached --ignored --exclude-standard | grep . || \
		{ echo "check: these files are committed, though .gitignore says that they are no part of the project" >&2; exit 1; }

lint: $(LINT) ## run golangci-lint (built once, from the tools module)
	$(LINT) run

$(LINT): tools/go.mod tools/go.sum
	cd tools && $(GO) build -o bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

packages:
	@scripts/install-packages

# Without CI set, fuzz targets run on their seeds alone, as part of go test.
test: packages check ## everything that CI runs: check, all tests with the race detector; with CI=1 drivers are fuzzed too
	scripts/console check
	cd bench/peers && $(GO) vet ./... && $(GO) test -race ./...
	$(GO) test -race -timeout 30m ./...
	@[ -z "$$CI" ] || GO="$(GO)" FUZZTIME="$(FUZZTIME)" scripts/fuzz drivers

fuzz: ## fuzz every fuzz target for FUZZTIME (60s) each
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" scripts/fuzz

RESULTS ?= bin/bench
ROUNDS  ?= 3

# Every micro-benchmark of every package, so that no list of them goes stale; -short leaves out what takes minutes.
bench-core: build ## what linkd costs: all micro-benchmarks, then against a bare gnet server (docs/performance.md)
	$(GO) test -short -run '^$$' -bench . -benchtime 100ms -benchmem -p 1 -timeout 4m ./...
	bin/linkd bench run idle storm echo --peers linkd,gnet --rounds $(ROUNDS) --out $(RESULTS)

bench-drivers: build ## what polls cost: drivers' micro-benchmarks, then against a C and a Go poller (docs/performance.md)
	$(GO) test -short -run '^$$' -bench . -benchtime 200ms -benchmem -p 1 -timeout 4m ./drivers/...
	bin/linkd bench run poll --peers linkd,c-epoll,net --rounds $(ROUNDS) --out $(RESULTS)/polls

bench-guard: ## count the instructions of the core paths, fail where one grew by over 10 %; UPDATE=1 writes the baseline
	$(GO) run ./bench/guard $(if $(UPDATE),-update)

clean: ## remove what the other targets built
	rm -rf bin tools/bin
