# Each target is a thin line; what it does is in the script it names.
.PHONY: demo test check bench

export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
STACK := tests/stack/stack
NEEDED := build postgres mysql80 mysql97 kafka registry python rest-clients

demo:  ## snapshot and changes of two throwaway databases, shown as they arrive; KAFKA=1: through a real broker; AVRO=1: under a registry
	@tests/demo/demo $(if $(KAFKA),--kafka) $(if $(AVRO),--avro)

test:  ## every test, the live ones too, against real servers that the tests start themselves
	@$(STACK) install $(NEEDED)
	cargo test --locked

check: ## formatting, lints, and what else a machine can see in the sources
	@$(STACK) install build
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo test --locked --test main tidy

bench: ## against Debezium on Kafka Connect; ROWS=, ONLY=pg,mysql, PEER=0 choose a part
	@tests/bench/bench
