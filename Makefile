# make demo: everything from nothing to findings.  make test: everything from nothing to green.

CARGO ?= cargo
DEMO := sensor/tests/demo/demo.pcap.gz
# A folder with captures whose names are known, and the program that compares: see `make accuracy`.
CAPTURES ?= $(firstword $(wildcard ../*/captures))

.PHONY: help setup setup-test setup-peers build deb demo test lint accuracy bench

help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: ## Install what the build needs
	@sh sensor/packaging/setup.sh build

setup-test: ## Install what the tests need
	@sh sensor/packaging/setup.sh test

setup-peers: ## Install what the sensor is compared with
	@sh sensor/packaging/setup.sh peers

build: setup ## Build the sensor
	$(CARGO) build --locked --release -p phonehome

deb: build ## Make the Debian package
	@sh sensor/packaging/setup.sh deb
	@sh sensor/packaging/deb.sh target/release/phonehome target/debian

demo: build ## Run the main job on bundled real traffic
	@sh sensor/packaging/demo.sh target/release/phonehome $(DEMO)

test: setup-test lint ## Run all tests
	$(CARGO) test --locked --workspace
	@sh sensor/packaging/test-deb.sh target/debug/phonehome
	@sh sensor/packaging/test-stack.sh target/debug/phonehome & stack=$$!; \
		sh sensor/packaging/test-image.sh target/debug/phonehome; image=$$?; \
		wait $$stack && exit $$image

lint: setup-test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --quiet

accuracy: build ## Compare with captures whose names are known, where they are, and with peers
	@test -f "$(CAPTURES)/judge.py" || { echo "make accuracy: no captures in \"$(CAPTURES)\":" \
		"set CAPTURES= to a folder with judge.py, manifest.csv and expected/"; exit 1; }
	python3 "$(CAPTURES)/judge.py" --sensor target/release/phonehome
	python3 bench/peers.py --sensor target/release/phonehome --captures "$(CAPTURES)"

bench: build ## Compare speed and memory with peers
	$(CARGO) run --locked --release -p phonehome-bench -- check
	$(CARGO) run --locked --release -p phonehome-bench
