# All work on a checkout, by people and by CI. The README shows the first two.

PYTHON ?= python3
TIME ?= 60
SEEDS ?= 1000
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
# The extras of the Debian package and of the container: all but those of the demo.
SERVICE := alerts calendars heal javascript protobuf tracing web
PIP := $(BIN)/pip --disable-pip-version-check --quiet

# Images of containers often tell Python to keep no compiled modules. Then each process of the tests compiles all of them again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test proof proof-brokers coverage check check-contract check-dashboards check-home-assistant generate site screenshots audit lock fuzz clean
.PHONY: install-page commands
.PHONY: package debian container test-installed
.PHONY: bench bench-goals bench-scale bench-gateways bench-guard bench-against bench-telegraf bench-codecs bench-javascript bench-retention
.PHONY: help simulate year proof-database
.PHONY: proof-regions

help:  ## every command of this file, which is the default
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 23 | sed 's/^/make /'

demo: $(VENV)/gateway.stamp  ## the whole system on this machine: broker, database, fleet, gateway
	@$(BIN)/parking-gateway demo $(ARGS)

test: $(VENV)/dev.stamp  ## every test; ARGS="-k name" narrows
	$(BIN)/pytest $(ARGS)
	$(if $(ARGS),,$(MAKE) --no-print-directory coverage)

test-installed: $(if $(PACKAGED),,package)  ## the tests against the wheel, in an environment of its own; PYTHON=python3.13 ARGS="-k name" PACKAGED=true
	@$(BIN)/uv venv --quiet --clear --seed --no-project --python $(PYTHON) $(INSTALLED)
	@VIRTUAL_ENV=$(INSTALLED) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(INSTALLED) $(BIN)/uv pip install --quiet --no-deps dist/*.whl
	@# For tests and tools. It is behind the installation on the path.
	@echo "$(CURDIR)" >"$$($(INSTALLED)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/checkout.pth"
	INSTALLED=true PYTHONSAFEPATH=1 $(INSTALLED)/bin/pytest $(ARGS)

coverage: $(VENV)/dev.stamp  ## every branch of the core is covered by its own tests
	$(BIN)/coverage run -m pytest --numprocesses=0 --quiet tests/core tests/contract tests/decoding/test_decoder.py \
		tests/chirpstack tests/broker/test_packets.py tests/broker/test_properties.py \
		tests/broker/test_frames.py tests/broker/test_routes.py tests/decoders/test_readings.py
	$(BIN)/coverage report

check: $(VENV)/dev.stamp  ## style, types, layers, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.generate --check

generate: $(VENV)/dev.stamp  ## files that are made from code: schemas/ and pages of docs/
	$(BIN)/python -m tools.generate
	$(BIN)/python -m tools.database_page

check-contract: $(VENV)/node-asyncapi.stamp  ## schemas/asyncapi.json, by AsyncAPI's own parser and against the last release; needs Node.js 20
	@node tools/asyncapi/check.mjs schemas/asyncapi.json schemas/released/asyncapi.json
	@node --test --test-reporter=dot tools/asyncapi/contract.test.mjs

check-dashboards: $(VENV)/node-grafana.stamp  ## the dashboards of grafana/, by the types of Grafana; needs Node.js
	@node tools/grafana/check.mjs grafana/dashboards/*.json
	@node --test --test-reporter=dot tools/grafana/dashboards.test.mjs

site: $(VENV)/docs.stamp  ## the documentation as a site in build/site/; fails on a link that leads nowhere
	$(VENV)/docs/bin/zensical build --strict --clean

package: $(VENV)/dev.stamp  ## the wheel and the sdist in dist/, the same bytes for the same commit
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build

debian: package  ## the Debian package in dist/, for the release of this machine
	@packaging/debian/build dist/*.whl

install-page: $(VENV)/dev.stamp  ## docs/install.md as it stands, in a clean Debian 12; needs root and mmdebstrap
	$(BIN)/python -m tests.pages

container: package  ## the image parking-gateway, by docker; ENGINE="buildah bud" or "podman build" for others
	$(or $(ENGINE),docker build) --tag parking-gateway --file packaging/container/Containerfile .

commands: $(VENV)/dev.stamp  ## every command of the documentation, on a copy of this machine; needs root, Mosquitto and PostgreSQL
	$(BIN)/python -m tests.pages --all

bench: $(VENV)/bench.stamp  ## throughput and latency, beside two yardsticks; ARGS="--help" shows the options
	$(BIN)/python -m benchmarks $(ARGS)

bench-goals: $(VENV)/dev.stamp  ## the goals of performance, each with its measurement
	$(BIN)/python -m benchmarks.goals $(ARGS)

bench-scale: $(VENV)/dev.stamp  ## the same backlog with more spaces, and with more history; ARGS=--short: with more spaces, in 5 minutes
	$(BIN)/python -m benchmarks.scale $(ARGS)

bench-gateways: $(VENV)/dev.stamp  ## several gateways on one shared subscription
	$(BIN)/python -m benchmarks.gateways $(ARGS)

bench-guard: $(VENV)/dev.stamp  ## whether the gateway became slower, by ratios within one run; for CI
	$(BIN)/python -m benchmarks.guard $(ARGS)

bench-against: $(VENV)/bench.stamp  ## this checkout and an earlier revision, alternating; REV=COMMIT
	$(BIN)/python -m benchmarks.against $(REV) $(ARGS)

bench-telegraf: $(VENV)/dev.stamp  ## the gateway and Telegraf on the same backlog, alternating; builds Telegraf with Go
	$(BIN)/python -m benchmarks.against_telegraf $(ARGS)

bench-codecs: $(VENV)/dev.stamp  ## time per frame of every codec
	$(BIN)/python -m benchmarks.codecs

bench-retention: $(VENV)/dev.stamp  ## latency of uplinks while months are dropped and while pg_dump runs; ARGS="--rows N"
	$(BIN)/python -m benchmarks.retention $(ARGS)

bench-javascript: $(VENV)/dev.stamp  ## time per frame of a vendor's script
	$(BIN)/python -m benchmarks.javascript

proof: $(VENV)/dev.stamp  ## break everything, count what is lost, and write docs/explanation/reliability.md; ARGS="T1 T5" narrows
	$(BIN)/python -m tests.proof $(or $(ARGS),--write)

proof-database: $(VENV)/dev.stamp  ## break pairs, poolers and proxies of PostgreSQL, and write docs/how-to/two-database-servers.md; ARGS="pair pgbouncer" narrows
	$(BIN)/python -m tests.databases $(or $(ARGS),--write)

proof-brokers: $(VENV)/dev.stamp  ## the same promises on brokers of others, and the table of docs/brokers.md; ARGS="hivemq nats" narrows
	$(BIN)/python -m tests.brokers $(or $(ARGS),--write)

proof-regions: $(VENV)/dev.stamp  ## ten regions with a million spaces on the same engines, into docs/scaling.md; ARGS="--spaces 1000" makes it small
	$(BIN)/python -m tests.regions $(or $(ARGS),--write)

simulate: $(VENV)/simulation.stamp  ## outages in simulated universes; SEEDS=10000, or SEED=17 for one of them; needs Python 3.12
	@PYTHONHASHSEED=0 $(VENV)/simulation/bin/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(ARGS)

year: $(VENV)/bench.stamp  ## a year of a city in an hour, with real processes; needs libfaketime; ARGS="--days 30 --spaces 5000" is shorter
	@$(BIN)/python -m tests.year $(ARGS)

fuzz: $(VENV)/dev.stamp  ## random bytes for the codecs of each family, for declared codecs and events; TIME=60 seconds; ARGS="dragino declared" narrows
	-@$(PIP) install --require-hashes --only-binary :all: -r requirements/fuzz.txt
	@$(BIN)/python -m fuzz --seconds $(TIME) $(ARGS)

audit: $(VENV)/dev.stamp  ## known vulnerabilities of the pinned dependencies; needs the internet
	@$(BIN)/pip --disable-pip-version-check check
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/pip --disable-pip-version-check --quiet install --require-hashes -r requirements/audit.txt
	@$(BIN)/python -m tools.audit $(VENV)/audit/bin/pip-audit requirements/dev.txt $(ARGS)

check-home-assistant:  ## the announcements, held against Home Assistant itself; needs Python 3.13 and the internet
	@python3.13 -m venv $(VENV)/home-assistant
	@$(VENV)/home-assistant/bin/pip --disable-pip-version-check --quiet install --require-hashes -r requirements/home-assistant.txt
	@$(VENV)/home-assistant/bin/pip --disable-pip-version-check --quiet install --require-hashes --no-deps --ignore-requires-python --upgrade \
		--only-binary :all: --target $(VENV)/home-assistant/newer -r requirements/home-assistant-newer.txt
	@$(VENV)/home-assistant/bin/python tools/check_home_assistant.py $(VENV)/home-assistant/newer

screenshots: $(VENV)/dev.stamp  ## the pictures of the board in the README, from the demo; needs Chromium
	@$(BIN)/python -m tools.screenshots

lock: $(VENV)/dev.stamp  ## resolve the newest versions and pin them with their hashes
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--all-extras --group build pyproject.toml -o requirements/gateway.txt
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--all-extras --group build --group dev -c requirements/gateway.txt pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		$(addprefix --extra ,$(SERVICE)) -c requirements/gateway.txt pyproject.toml -o requirements/service.txt
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--group fuzz -o requirements/fuzz.txt
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--group audit -o requirements/audit.txt
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--group bench -c requirements/dev.txt -o requirements/bench.txt
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--group docs -o requirements/docs.txt
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--group simulation -o requirements/simulation.txt
	$(BIN)/uv pip compile --python-version 3.13 --python-platform linux --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--group home-assistant -o requirements/home-assistant.txt

clean:
	rm -rf build $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage

$(VENV)/created.stamp:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/gateway.stamp: $(VENV)/created.stamp requirements/gateway.txt pyproject.toml
	@echo "Installing the pinned dependencies into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements/gateway.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/created.stamp requirements/dev.txt pyproject.toml
	@echo "Installing the pinned development dependencies into $(VENV) …"
	@# uv takes a tenth of pip's time for the others.
	@sed -n '/^uv==/,/[^\\]$$/p' requirements/dev.txt >$(VENV)/uv.txt
	@$(PIP) install --require-hashes -r $(VENV)/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/gateway.stamp

$(VENV)/node-%.stamp: $(VENV)/created.stamp tools/%/package-lock.json
	@npm ci --prefix tools/$* --silent
	@touch $@

$(VENV)/bench.stamp: $(VENV)/dev.stamp requirements/bench.txt
	@echo "Installing the libraries of the plots into $(VENV) …"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/bench.txt
	@touch $@

$(VENV)/simulation.stamp: $(VENV)/dev.stamp requirements/gateway.txt requirements/simulation.txt
	@echo "Installing the simulator into $(VENV)/simulation …"
	@# Also a Python of pyenv that is not chosen.
	@for one in python3.13 python3.12 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[32].*/bin/python; do \
		found=$$("$$one" -c 'import sys; print(sys.executable)' 2>/dev/null) && break; done; \
	[ -n "$$found" ] || { echo "There is no Python 3.12 or 3.13 here: install one, with pyenv or uv." >&2; exit 1; }; \
	$(BIN)/uv venv --quiet --clear --no-project --python "$$found" $(VENV)/simulation
	@VIRTUAL_ENV=$(VENV)/simulation $(BIN)/uv pip install --quiet --require-hashes -r requirements/gateway.txt
	@VIRTUAL_ENV=$(VENV)/simulation $(BIN)/uv pip install --quiet --require-hashes -r requirements/simulation.txt
	@touch $@

$(VENV)/docs.stamp: $(VENV)/dev.stamp requirements/docs.txt
	@echo "Installing the generator of the site into $(VENV)/docs …"
	@$(BIN)/uv venv --quiet --clear --no-project --python $(PYTHON) $(VENV)/docs
	@VIRTUAL_ENV=$(VENV)/docs $(BIN)/uv pip install --quiet --require-hashes --only-binary :all: -r requirements/docs.txt
	@touch $@
