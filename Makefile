# Ostrakon: what a newcomer types. Everything here is a thin line over cargo and scripts/.
.DEFAULT_GOAL := help
.PHONY: help setup run demo test bench bench-reputation bench-long soak check

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the build needs (apt) and point cargo at the system's RocksDB
	@scripts/setup.sh

run: setup ## build, create a node in ./var on first use, and serve it
	@scripts/run.sh

demo: ## play two minutes of generated federated traffic against the node of `make run`
	@scripts/demo.sh

test: setup ## build and run the whole test suite
	@scripts/test.sh

bench: setup ## one table: signatures, ingest, decisions, check against a bare echo
	@scripts/bench.sh

bench-reputation: setup ## the score engine at a million peers and ten million votes, beside scipy
	@cargo run --release -p ostrakon-reputation --example speed

bench-long: setup ## five million decisions, ten million ledger entries; 40 minutes, 8 GB in the temporary folder
	@scripts/bench.sh long

soak: setup ## ten million signatures, 200 cycles of kill -9 during an import; half an hour
	@scripts/soak.sh

check: setup ## formatting and lints, as CI asks for them
	@scripts/check.sh
