.DEFAULT_GOAL := help
.PHONY: help run test test-supabase conformance fuzz-api bench lint check-deploy openapi fmt clean

help: ## say what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## start everything on this machine (ARGS=--reset forgets the data of earlier runs)
	@scripts/need cc postgres
	@exec cargo run --bin mbmcp -- dev $(ARGS)

# The suite of `make conformance` has checks with a clock: it does not share the machine.
test test-supabase: ARGS ?= -- --skip conformance::
test: ## run all tests on a private Postgres and Redis (ARGS="name" chooses some)
	@scripts/need cc curl postgres redis pgbouncer node python
	@scripts/client-tools
	@scripts/traefik
	@scripts/with-services cargo test --workspace $(ARGS)

test-supabase: ## run the integration tests on an emulated Supabase (ARGS="name" chooses some)
	@scripts/need cc curl postgres redis pgbouncer node python
	@scripts/client-tools
	@scripts/traefik
	@scripts/with-services --supabase cargo test --test it $(ARGS)

conformance: ## run the official conformance suite against the server
	@scripts/conformance

fuzz-api: ## call the REST API with what its document allows, and with what it does not
	@scripts/fuzz-api

bench: ## measure what is promised, as a release (ARGS="memory purge" chooses some figures)
	@scripts/need cc postgres redis
	@scripts/with-services --durable cargo bench --profile release --bench figures -- $(ARGS)

lint: ## check formatting, clippy and the scripts
	@scripts/need cc
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@scripts/lint-files

check-deploy: ## check the deployment files and openapi/openapi.json
	@scripts/check-deploy

openapi: ## write openapi/openapi.json from the code
	@cargo build --quiet --bin mbmcp
	@cargo run --quiet --bin mbmcp -- openapi >openapi/openapi.json

fmt: ## format the code
	cargo fmt

clean: ## remove what was built
	cargo clean
