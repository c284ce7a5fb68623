# Larder's commands. `make` alone lists them.
#
# make demo and make test set up what they need themselves: .ci/tools installs missing Debian packages or names them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TARGET ?= $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PREFIX ?= /usr/local
DESTDIR ?=
# The directory tree whose files' metadata the demo caches.
DEMO_DIRECTORY ?= /usr/share
# Directory with access traces (*.u64.xz) for the hit ratios of make bench; see benches/README.md.
LARDER_TRACES ?= $(wildcard $(CURDIR)/../shared/data/traces)
# quick for a run of minutes, full for the figures of benches/README.md.
BENCH ?= quick

SHARED := $(TARGET)/release/liblarder.so
export LARDER_LIBRARY := $(SHARED)
export LARDER_TRACES

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
# Starts the servers that stores are tested against, and runs a command with them. Not by `cargo run`, which has the loader
# look for libraries in the target directory first, where a debug build of the library may lie.
WITH_SERVERS := $(TARGET)/debug/examples/servers run --
MAVEN := mvn --batch-mode --no-transfer-progress --quiet
JAVA := bindings/java

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# --- building ---------------------------------------------------------------------------------------------------------

.PHONY: build
build: ## Build the shared and static library and the command
	.ci/tools rust
	cargo build --release --quiet

# --- the demo ---------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: ## Cache the metadata of a directory tree from C, Go and Java, with no server
	.ci/tools rust go java c
	$(MAKE) --no-print-directory build
	.ci/demo $(SHARED) $(DEMO_DIRECTORY)

# --- the tests --------------------------------------------------------------------------------------------------------

.PHONY: test
test: ## Set up and pass every test in all languages
	.ci/tools rust go java c servers
	$(MAKE) --no-print-directory test-rust build test-c test-go test-java test-together test-install

.PHONY: tools
tools: ## Build the servers that tests run against
	@.ci/tools go servers
	@$(MAKE) --no-print-directory --quiet $(TARGET)/tools/nats-server $(TARGET)/tools/nats-server-2.9

.PHONY: servers
servers: tools
	@cargo build --quiet --example servers

$(TARGET)/tools/nats-server: tests/tools/go.mod tests/tools/go.sum
	@echo 'building $(notdir $@)'
	@go -C tests/tools build -o $(abspath $@) github.com/nats-io/nats-server/v2
	@touch $@

$(TARGET)/tools/nats-server-2.9: tests/tools/nats-2.9/go.mod tests/tools/nats-2.9/go.sum
	@echo 'building $(notdir $@)'
	@go -C tests/tools/nats-2.9 build -o $(abspath $@) github.com/nats-io/nats-server/v2
	@touch $@

.PHONY: test-rust
test-rust: tools ## The core: unit, contract, command and parser tests, and the model checks of what is lock-free
	cargo test --quiet
	RUSTFLAGS="--cfg larder_loom" CARGO_TARGET_DIR=$(TARGET)/loom cargo test --quiet --release --no-default-features --lib loom

.PHONY: test-c
test-c: servers ## The C boundary: under ctest, gcc's sanitizers and Valgrind
	$(WITH_SERVERS) tests/c/run $(TARGET)

.PHONY: test-go
test-go: servers ## The Go package, with the race detector, and with a collection at every use of a handle
	cd bindings/go && go vet ./...
	$(WITH_SERVERS) go -C bindings/go test -count=1 -parallel 16 -race ./...
	go -C bindings/go test -count=1 -tags larder_debug_gc -run 'Close|Contract' .

.PHONY: test-java
test-java: servers ## The Java library
	$(WITH_SERVERS) $(MAVEN) --file $(JAVA) -Dstyle.color=never test

.PHONY: test-together
test-together: servers ## A C, a Go and a Java program that share the records of one store
	$(WITH_SERVERS) tests/together/run $(TARGET)

.PHONY: test-install
test-install: ## Install into an empty folder, and build programs against what is there
	tests/install $(TARGET)

# --- the rest ---------------------------------------------------------------------------------------------------------

.PHONY: lint
lint: ## Formatting and static checks of all languages
	cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings
	cd bindings/go && test -z "$$(gofmt -l .)" && go vet ./... && go run $(STATICCHECK) ./...
	cd bindings/go/bench && go vet ./... && go run $(STATICCHECK) ./...
	cd tests/interop/go && test -z "$$(gofmt -l .)" && go vet ./... && go vet -modfile ocis.mod ./... && go run $(STATICCHECK) ./...

.PHONY: bench
bench: ## Measure Larder beside its peers, in one run
	.ci/tools rust go java c servers
	$(MAKE) --no-print-directory build tools
	.ci/bench $(BENCH)

.PHONY: install
install: build ## Install library, header, packages, command, man page and completions under PREFIX
	.ci/install $(TARGET)/release "$(DESTDIR)" "$(PREFIX)"

.PHONY: clean
clean: ## Remove what was built
	cargo clean
