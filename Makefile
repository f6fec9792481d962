# Snug: `make run` and `make test` do all their set-up themselves. `make help` lists the rest.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
GO       ?= go
IMAGE    ?= snug:latest
# The same source gives the same file, wherever and whenever it is built.
BUILD    := -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)"

.PHONY: setup run build test lint bench image image-test help

# Programs that are needed and missing are installed where that can be done: as root on Debian.
setup:
	@.ci/setup golang-go postgresql

run: build ## Build and run the appliance in the foreground: data in ./data, at http://localhost:8080
	@bin/snug serve

build: setup ## Build bin/snug, one static file
	@CGO_ENABLED=0 $(GO) build $(BUILD) -o bin/snug ./cmd/snug

test: setup ## Run every test that this machine can run, real PostgreSQL included; say what was skipped and why
	@.ci/test

lint: ## gofmt, go vet, staticcheck, and shellcheck for the scripts
	@.ci/lint

bench: build ## Measure: deliveries and messages beside plain servers and Socket.IO, what a client sees of faults, restarts beside s6 and supervisord
	@.ci/setup s6 supervisor
	@$(GO) run ./bench
	@$(GO) test -run '^$$' -bench . -benchtime 3s ./store/... ./chat/...
	@$(GO) test -p 1 -run '^$$' -bench . -benchtime 1x -timeout 0 ./supervisor ./cmd/snug

image: ## Build the container image snug:latest
	@docker build --network host --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) -t $(IMAGE) .

image-test: image ## Run the image as its users do, through Docker: a line for every promise
	@SNUG_TEST_IMAGE=$(IMAGE) $(GO) test -tags image -count 1 -timeout 20m -v ./cmd/snug/imagetest

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 20
