.DEFAULT_GOAL := help
.PHONY: help demo test cloud bench explore fleet storm clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

demo: ## watch devices come in, speak, be told connected and lost, stay out, and be revoked, on this machine
	cargo build --package jitr
	python3 infra/local/cloud.py run -- infra/local/demo.sh

test: ## run every check and test
	infra/test.sh

cloud: ## start the local cloud on ports 4566 and 8883, deploy the stack, stay until Ctrl-C
	python3 infra/local/cloud.py up -- infra/local/deploy.sh

# `cargo test --bench`, not `cargo bench`: what is measured is the release binary, the harness need not be compiled in
# release mode with everything that it links.
bench: ## measure the activator's start, the check of CRLs up to five million entries, the largest list, a sweep of a million, and the rule sink
	python3 infra/local/cloud.py setup
	cargo bench --package shared --features test-support --bench crl
	cargo bench --package crl-checker --bench largest
	PATH="$(CURDIR)/.venv/bin:$$PATH" cargo lambda build --release --manifest-path functions/activator/Cargo.toml \
	  $(if $(filter aarch64 arm64,$(shell uname -m)),--arm64)
	cargo test --workspace --features tests/local-cloud --bench start
	python3 infra/local/cloud.py run -- \
	  sh -c 'infra/local/deploy.sh && exec cargo test --workspace --features tests/local-cloud --bench sweep --bench sink'

explored = cargo test --profile explore --package actors

# Random orders begin with a random seed, which is printed with every order that ends wrong.
explore: ## let the functions, the operator and the CA cross each other: 20,000 random orders, every order of two, some with faults (hours); 20,000 histories of messages, and as many of events
	SEED=$${SEED:-$$(date +%s)} SEEDS=$${SEEDS:-20000} $(explored) --test crossings --test crashes -- --nocapture
	$(explored) --test pairs --test replacements -- --include-ignored --nocapture
	FAULTS=1 $(explored) --test pairs -- --nocapture
	FAULTS=2 $(explored) --test pairs -- --nocapture
	LATE=1 $(explored) --test pairs -- --include-ignored --nocapture
	LATE=1 FAULTS=1 $(explored) --test pairs -- --nocapture
	SEED=$${SEED:-$$(date +%s)} SEEDS=$${SEEDS:-20000} cargo test --profile explore --package rule-sink --package activator --test protocol -- histories --nocapture

fleet: ## let 10 to 10,000 new devices come at once, in virtual time (minutes): how long it takes, and how many calls to AWS IoT
	python3 infra/local/cloud.py setup
	cargo run --profile explore --package fleet

# What the functions write themselves, their metrics, is not wanted here.
storm: ## let 100 to 10,000 known devices reconnect at once, in virtual time: how long the recorder's and the sink's queues take to drain
	python3 infra/local/cloud.py setup
	cargo run --profile explore --package fleet --bin storm >/dev/null

clean: ## remove everything that the other targets made
	rm -rf .aws-sam .venv target
