# The commands of the project; each is idempotent. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
CACHE := $(or $(AGENT_FOUNDRY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/agent-foundry)
ENV := source $(CACHE)/env.sh
# make run ARGS="--listen 127.0.0.1:8080"; make run FROM=DIR takes the speech models from DIR instead of the network.
ARGS ?=
FROM ?=

.PHONY: help run build check test bench sqlx prove

help: ## Lists these commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: ## Installs what is missing, builds, fetches the models, serves, prints the URL
	@scripts/setup.sh run
	$(ENV)
	scripts/web.sh build
	cargo build --release --locked -p foundry
	"$$CARGO_TARGET_DIR/release/foundry" models pull $(if $(FROM),--from "$(FROM)")
	exec "$$CARGO_TARGET_DIR/release/foundry" serve $(ARGS)

build: ## Builds the program without starting it
	@scripts/setup.sh run
	$(ENV)
	scripts/web.sh build
	cargo build --release --locked -p foundry
	echo "built $$CARGO_TARGET_DIR/release/foundry"

check: ## What CI runs before the tests: formatting, lints, directions, web types
	@scripts/setup.sh test
	$(ENV)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo run -q --locked -p xtask -- tidy
	RUSTDOCFLAGS="-D warnings -A rustdoc::bare_urls" cargo doc -q --workspace --no-deps --locked
	scripts/web.sh build
	scripts/web.sh check

test: ## Installs what tests need, starts real peers on loopback, runs all tests
	@scripts/setup.sh test
	$(ENV)
	scripts/web.sh build
	scripts/web.sh test
	cargo build --locked -p foundry
	"$$CARGO_TARGET_DIR/debug/foundry" models pull $(if $(FROM),--from "$(FROM)")
	cargo test --workspace --locked --lib --bins --examples --test it
	cargo test --workspace --locked --doc
	# Whole calls last as long as what is said in them: a few beside each other, see foundry/tests/it/house.rs.
	RUST_TEST_THREADS=4 cargo test --workspace --locked --test program

bench: ## Measures the embedded models, then capacity against exactly timed providers (ten minutes on an idle machine)
	@scripts/setup.sh run
	$(ENV)
	scripts/web.sh build
	cargo build --release --locked -p foundry -p loadtest
	"$$CARGO_TARGET_DIR/release/foundry" models pull $(if $(FROM),--from "$(FROM)")
	"$$CARGO_TARGET_DIR/release/loadtest" talk
	"$$CARGO_TARGET_DIR/release/loadtest" gate --strict $(ARGS)

sqlx: ## Writes what Postgres says of every checked statement, after one or a migration changed
	@scripts/setup.sh run
	scripts/sqlx.sh

prove: ## What takes long: a thousand calls while vendors fail, a newcomer's path in a fresh Debian root
	@scripts/setup.sh test
	$(ENV)
	DRILL_CALLS=1000 cargo test -p media-session --test it drills::thousand -- --nocapture
	scripts/prove-newcomer.sh
