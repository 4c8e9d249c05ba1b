# Two commands matter: `make demo` shows the main job offline, `make test`
# passes every test. The others are parts of them.
#
# One set of build flags serves every stage. A flag is part of the key under
# which Go keeps a compiled package, so a second set compiles everything twice.
# GOFLAGS given by the caller come first and stay.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(filter-out -trimpath,$(GOFLAGS)) -trimpath)
# The tag leaves out a page of gRPC's that nobody is served. Through its templates
# the linker would have to keep every method of every type: 9 MB.
GOFLAGS_REPRO := -buildvcs=false -tags=grpcnotrace -ldflags='-s -w -buildid='

# Tests use this lab; without the variable each test binary builds one itself.
export SALLYPORT_LAB_BINARY := $(CURDIR)/bin/sallyport-lab

# Longer than any stage takes on a busy machine with empty caches; a stage that
# is stuck ends here, with the stack of every goroutine.
TIMEOUT := 30m

STAGE := @./.ci/stage.sh

.PHONY: more demo test unit lab-test server-test chaos load image e2e lint bench interop chroot release-rehearsal nightly fuzz build

build: bin/sallyport-lab bin/sallyport

bin/sallyport: FORCE
	@mkdir -p bin
	@go build $(GOFLAGS_REPRO) -o $@ .

bin/sallyport-server: FORCE
	@mkdir -p bin
	@go build -C internal/server $(GOFLAGS_REPRO) -o ../../$@ ./sallyport-server

bin/sallyport-lab: FORCE
	@mkdir -p bin
	@go build -C internal/lab -o ../../$@ ./sallyport-lab

bin/private-postgres: FORCE
	@go build -C internal/server -o ../../$@ ./pgtest/private

demo: ## the main job on this machine, without an account or a network
	@./docs/demo.sh

# The order matters: the lab and the product fill the build cache with nearly
# every package that the stages after them need.
test: ## everything
	$(STAGE) "build the lab and the product" $(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory unit lab-test server-test e2e lint

unit: bin/sallyport-lab
	$(STAGE) "install what the tests build with" ./.ci/tools.sh
	$(STAGE) "unit tests and scenarios of the product" go test -timeout $(TIMEOUT) ./...

lab-test: ## the lab, and its toy platform against the published description
	$(STAGE) "fetch GitHub's API description" npm ci --prefix internal/lab/openapi --no-progress --no-fund --no-audit --loglevel=error
	$(STAGE) "tests of the lab" go test -C internal/lab -timeout $(TIMEOUT) -tags contract ./...

# These tests wait more than they work: for a server that has died, and for platforms. Those that wait longest are
# started first. They run programs, which the cache of tests does not see.
server-test: bin/sallyport-lab bin/tested ## the server, on SQLite and on a PostgreSQL that the tests start
	$(STAGE) "install PostgreSQL and systemd-analyze" ./.ci/tools.sh server
	$(STAGE) "tests of the server" env SALLYPORT_PROGRAMS=$(CURDIR)/bin/tested go test -C internal/server -count=1 \
		-p 4 -parallel 8 -timeout $(TIMEOUT) ./serve ./chaos ./...

# With the usual flags, so that what has not changed is not linked again.
bin/tested: FORCE
	@mkdir -p bin/tested
	@go build -o bin/tested/sallyport .
	@go build -C internal/server -o ../../bin/tested/sallyport-server ./sallyport-server

# A seed gives the same schedule again: CHAOS_SEED=17 make chaos. CHAOS_CLOCK= leaves the clock alone.
CHAOS_SEEDS ?= 20
CHAOS_CLOCK ?= 1
chaos: bin/sallyport-lab ## nightly: seeded schedules of faults against real servers, CHAOS_SEEDS of them and those that have found something, and many lives in process
	$(STAGE) "install PostgreSQL and systemd-analyze" ./.ci/tools.sh server
	$(STAGE) "$(CHAOS_SEEDS) seeds of faults" env CHAOS_SEEDS=$(CHAOS_SEEDS) \
		CHAOS_CLOCK=$(CHAOS_CLOCK) go test -C internal/server -count=1 -parallel 8 \
		-timeout 4h -v -run Test.*whatever_fails ./chaos
	$(STAGE) "2000 lives of a deployment" env CHAOS_LIVES=2000 go test -C internal/server -count=1 -v \
		-run Test.*many_lives ./chaos

load: bin/sallyport-lab ## one table: docs/server-capacity.md; LOAD_MINUTES for a longer look at memory
	$(STAGE) "install PostgreSQL and systemd-analyze" ./.ci/tools.sh server
	go test -C internal/server -tags load -count=1 -v -timeout 2h -run '^TestLoad$$' ./chaos

image: bin/sallyport-server.oci.tar ## the server's image, without an engine: bin/sallyport-server.oci.tar

bin/sallyport-server.oci.tar: bin/sallyport-server
	@go run -C internal/server ./image ../../bin/sallyport-server $(shell go env GOARCH) ../../$@

e2e: bin/sallyport-lab ## the same scenarios through real CI clients
	$(STAGE) "install the CI clients" ./e2e/install.sh
	$(STAGE) "scenarios through real CI clients" go test -tags e2e -count=1 -timeout $(TIMEOUT) ./e2e/... ./internal/inputs

lint:
	$(STAGE) "linters" ./.ci/lint.sh

bench: ## one table: docs/performance.md
	./bench/run.sh

interop: ## cosign verifies our bundles, and we verify cosign's
	./e2e/interop.sh

chroot: build ## nightly: installer, component and action in a root with a busybox and nothing else, without Go
	$(STAGE) "install the CI clients" ./e2e/install.sh
	$(STAGE) "installer and gate in a root with busybox alone" ./e2e/chroot.sh

release-rehearsal: bin/sallyport-lab ## what the release workflow does, and an install by the commit it makes; as root, half an hour
	$(STAGE) "rehearse a release of HEAD" ./.ci/rehearse.sh

# Cargo and a JDK are large, and most machines lack them.
more: ## nightly: builds and packages of tools that few machines have: cargo, a JDK, Gradle, diffoscope
	$(STAGE) "cargo, a JDK, Gradle and diffoscope" go test -tags nightly ./internal/record ./internal/packages ./internal/difference ./internal/cli

nightly: ## what takes too long, or wants too much of a machine, for make test; as root
	@$(MAKE) --no-print-directory chroot interop release-rehearsal more chaos

fuzz: ## every fuzz target for a minute
	./.ci/fuzz.sh 60s

FORCE:
