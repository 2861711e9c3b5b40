.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
PYTHON ?= python3
BIN := .venv/bin
KERNEL := service/double_booked/conflicts
TOOLS := build/tools
CHART := charts/double-booked

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.venv/installed: pyproject.toml setup.py requirements-dev.txt $(wildcard $(KERNEL)/*.pyx $(KERNEL)/*.pxd)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

install: .venv/installed ## install the project and its tools into .venv

demo: install ## start a server, ask it about a week's events, show the answer
	$(BIN)/python examples/demo.py

run: install ## serve on :7070 and :8080 until Ctrl-C
	$(BIN)/double-booked serve

dev: install ## serve on :7070 and :8080, anew whenever a source is saved
	$(BIN)/python tools/dev.py

test: install lint ## prove that the project works
	$(BIN)/pytest

$(TOOLS)/built: tools/go.mod tools/go.sum
	cd tools && go build $(GO_BUILD) -o ../$(TOOLS)/ helm.sh/helm/v4/cmd/helm $(GO_TOOLS)
	cd tools && go build $(GO_BUILD) -o ../$(TOOLS)/helm3 helm.sh/helm/v3/cmd/helm
	touch $@
GO_BUILD := -trimpath -buildvcs=false -ldflags "-s -w"
GO_TOOLS := github.com/fullstorydev/grpcurl/cmd/grpcurl github.com/norwoodj/helm-docs/cmd/helm-docs \
	github.com/yannh/kubeconform/cmd/kubeconform

tools: $(TOOLS)/built ## build helm, helm3, kubeconform, helm-docs and grpcurl into build/tools (needs Go)

lint: install ## check style, types, layers and the contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint proto
	$(BIN)/buf format --diff --exit-code proto

format: install ## put code and proto in the standard form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/buf format --write proto

proto: install ## regenerate the Python API from proto/
	$(BIN)/python tools/generate_api.py service

bench: install ## print the benchmark tables
	$(BIN)/python tests/bench

soak: install ## put a server under mixed traffic, tell what it leaks (SOAK_SECONDS=1800)
	$(BIN)/python tests/soak $(or $(SOAK_SECONDS),1800)

fuzz: install ## search for inputs that break the kernel (FUZZ_SECONDS=600)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-fuzz.txt
	$(BIN)/python tests/fuzz_kernel.py -max_total_time=$(or $(FUZZ_SECONDS),600)

lock: ## pin the newest dependencies that pyproject.toml allows (needs uv)
	uv pip compile $(LOCK) --output-file requirements.txt pyproject.toml
	uv pip compile $(LOCK) --output-file requirements-dev.txt --group dev pyproject.toml
	uv pip compile $(LOCK) --output-file requirements-fuzz.txt --group fuzz
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

clean: ## remove what the other commands made
	rm -rf .venv build dist service/*.egg-info $(KERNEL)/*.c $(KERNEL)/*.so

.PHONY: help install demo run dev test tools lint format proto bench soak fuzz lock clean
