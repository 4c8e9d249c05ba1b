# Two commands matter: `make demo` shows the main job offline, `make test`
# passes every test. The others are parts of them.
export CGO_ENABLED := 0
GOFLAGS_REPRO := -trimpath -buildvcs=false -ldflags='-s -w -buildid='

.PHONY: demo test unit lab-test e2e lint bench interop fuzz build

build: bin/sallyport bin/sallyport-lab

bin/sallyport: FORCE
	@mkdir -p bin
	go build $(GOFLAGS_REPRO) -o $@ .

bin/sallyport-lab: FORCE
	@mkdir -p bin
	go build -C internal/lab -trimpath -o ../../$@ ./sallyport-lab

demo: ## the main job on this machine, without an account or a network
	@./docs/demo.sh

test: unit lab-test e2e lint ## everything

unit:
	go test ./...

lab-test: ## the lab, and its toy platform against the published description
	npm ci --prefix internal/lab/openapi --no-progress --no-fund --no-audit --loglevel=error
	cd internal/lab && go test -tags contract ./...

e2e: ## the same scenarios through real CI clients
	./e2e/install.sh
	go test -tags e2e -count=1 -timeout 30m ./e2e/...

lint:
	./.ci/lint.sh

bench: ## one table: docs/performance.md
	./bench/run.sh

interop: ## cosign verifies our bundles, and we verify cosign's
	./e2e/interop.sh

fuzz: ## every fuzz target for a minute
	./.ci/fuzz.sh 60s

FORCE:
