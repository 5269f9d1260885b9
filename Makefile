# Everything a developer or a pipeline calls. Each target sets up what it needs; `make setup` is quick when all is there.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Where downloaded tools and reports live. GLUSTER_ROOT, when set, is where GlusterFS is looked for and built.
export CACHE ?= $(CURDIR)/.cache
NODE_PACKAGE := node-linux-$(if $(filter aarch64,$(shell uname -m)),arm64,x64)
export PATH := $(CACHE)/node24/node_modules/$(NODE_PACKAGE)/bin:$(CURDIR)/node_modules/.bin:$(CACHE)/bin:$(PATH)

.PHONY: setup setup-test setup-node build lint types deadcode test test-unit test-integration demo bench format clean help

setup: ## install Node, packages and GlusterFS where they are missing
	@scripts/setup.sh

setup-test: ## the same, and a browser for the test of the status page
	@scripts/setup.sh --browser

setup-node: ## the same without GlusterFS
	@scripts/setup.sh --no-gluster

build: setup-node ## bundle the agent into dist/
	@node scripts/build.ts

lint: setup-node ## formatting and lint rules
	@prettier --check --log-level warn . && oxlint --type-aware --deny-warnings

types: setup-node ## type check
	@tsc --noEmit && tsc --noEmit -p src/agent/http/page

deadcode: setup-node ## exports, files and dependencies that nobody uses
	@knip

test: setup-node ## all checks and tests; the last line counts them
	@scripts/test.sh

test-unit: setup-node ## unit, property, golden and fault tests
	@vitest run --project unit

test-integration: setup-test ## tests on real bricks (root, Linux)
	@vitest run --project integration

demo: setup ## the agent on real bricks, step by step
	@node scripts/demo.ts

bench: setup ## one JSON object a line
	@scripts/bench-tools.sh
	@node bench/run.ts

format: setup-node ## rewrite files in the project's style
	@prettier --write --log-level warn .

clean: ## remove what was built; the GlusterFS root outside stays
	@rm -rf dist coverage "$(CACHE)" node_modules

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
