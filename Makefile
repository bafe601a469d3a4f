.DEFAULT_GOAL := help
.PHONY: help run test conformance lint check-deploy fmt clean

help: ## say what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## start everything on this machine (ARGS=--reset forgets the data of earlier runs)
	@scripts/need cc postgres
	@exec cargo run --bin mbmcp -- dev $(ARGS)

# The suite of `make conformance` has checks with a clock: it does not share the machine.
test: ARGS ?= -- --skip conformance::
test: ## run all tests on a private Postgres and Redis (ARGS="name" chooses some)
	@scripts/need cc curl postgres redis node python
	@scripts/client-tools
	@scripts/with-services cargo test --workspace $(ARGS)

conformance: ## run the official conformance suite against the server
	@scripts/conformance

lint: ## check formatting, clippy and the scripts
	@scripts/need cc
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@scripts/lint-files

check-deploy: ## check the deployment files
	@scripts/check-deploy

fmt: ## format the code
	cargo fmt

clean: ## remove what was built
	cargo clean
