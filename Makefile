# Every target installs what it needs into .venv; nothing else has to be there but Python 3.11 (and, for the lab,
# either binaries of a Kubernetes control plane or a Debian machine to build them on: docs/howto/control-plane.md).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

SOAK_MINUTES := 3
HISTORIES := 5000

.DEFAULT_GOAL := help
.PHONY: help demo lab test unit chart integration chaos lint format explore e2e e2e-libvirt bench soak soak-10 soak-60 bench-burst bench-receiver fuzz crds manifests check-generated clean

help: ## List the targets
	@grep -hE '^[a-z0-9 -]+:.*?## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*?## "}; {printf "  %-16s %s\n", $$1, $$2}'

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "nfvi-ha needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "no venv module: apt-get install python3-venv"; exit 1; }
	@echo "installing nfvi-ha and its tools into $(VENV) (once, about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY) ## The main job, live: a VM is killed, the VIM is told, the VM is replaced
	@$(BIN)/nfvi-ha lab demo

lab: $(READY) ## Start a lab that stays up (nfvi-ha lab down ends it)
	@$(BIN)/nfvi-ha lab up

test: unit chart integration ## All tests but e2e and chaos

unit: $(READY) ## Unit tests and simulated scenarios, seconds
	@$(BIN)/pytest tests/unit tests/sim -q

explore: $(READY) ## Thousands of random histories of hosts, networks and sentinels (hours); prints the seed of a failure
	@$(BIN)/python -m tests.sim.verdicts.explore --histories $(HISTORIES)

chart: $(READY) ## Chart, RBAC, manifests and image: rendered and judged (fetches helm once)
	@$(BIN)/pytest tests/chart -q

integration: $(READY) ## Tests on a real control plane with real processes
	@$(BIN)/pytest tests/integration -q

chaos: $(READY) ## Operators, API server, etcd and VIM killed and stopped; NFVI_HA_CHAOS_SCALE=full for the long run
	@$(BIN)/pytest tests/chaos -q

e2e: $(READY) ## The README's commands and the lab's scenarios, as a user runs them
	@$(BIN)/pytest e2e -q --ignore=e2e/libvirt

e2e-libvirt: $(READY) ## Real qemu under real libvirt: killed, stopped, crashed, shut down (root on Debian; installs them)
	@$(BIN)/python e2e/libvirt/install.py
	@$(BIN)/pytest e2e/libvirt -q

bench: $(READY) ## Latency from SIGKILL to the VIM, 200 kills; JSON in build/bench
	@mkdir -p build/bench
	@$(BIN)/nfvi-ha lab run vm-kill -n 200 -o json > build/bench/vm-kill.json
	@$(BIN)/python -m json.tool build/bench/vm-kill.json | sed -n '/"summary"/,$$p'

soak: $(READY) ## 3 minutes of everything that may look like a dead hypervisor; JSON in build/bench
	@mkdir -p build/bench
	@$(BIN)/nfvi-ha lab soak --minutes $(SOAK_MINUTES) -o json > build/bench/soak.json; code=$$?; cat build/bench/soak.json; exit $$code

soak-10 soak-60: ## The same for 10 minutes, or an hour
	@$(MAKE) --no-print-directory soak SOAK_MINUTES=$(@:soak-%=%)

bench-burst: $(READY) ## 500 of 1,000 VMIs fail within a second; JSON in build/bench
	@mkdir -p build/bench
	@$(BIN)/nfvi-ha lab bench burst -o json > build/bench/burst.json
	@$(BIN)/python -m json.tool build/bench/burst.json

bench-receiver: $(READY) ## Beats of 1,000 hypervisors against one sentinel; JSON in build/bench
	@mkdir -p build/bench
	@$(BIN)/nfvi-ha lab bench receiver -o json > build/bench/receiver.json
	@$(BIN)/python -m json.tool build/bench/receiver.json

fuzz: $(READY) ## 10 million datagrams, true and spoiled, into a sentinel's receiver (minutes)
	@$(BIN)/nfvi-ha lab bench fuzz -n 10000000

lint: $(READY) check-generated ## ruff, mypy strict, layers, generated files up to date
	@$(BIN)/ruff check operator tests e2e
	@$(BIN)/ruff format --check operator tests e2e
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(READY) ## Format the code
	@$(BIN)/ruff check --fix operator tests e2e
	@$(BIN)/ruff format operator tests e2e

crds manifests: $(READY) ## Write crds/ and docs/reference/ from the code
	@$(BIN)/python -m nfvi_ha.api.schema write
	@$(BIN)/python -m nfvi_ha.reporting.reference docs/reference
	@$(BIN)/python -m nfvi_ha.cli.reference write
	@$(BIN)/python -m nfvi_ha.cli.manifests write

check-generated: $(READY)
	@$(BIN)/python -m nfvi_ha.api.schema check
	@$(BIN)/python -m nfvi_ha.reporting.reference docs/reference --check
	@$(BIN)/python -m nfvi_ha.cli.reference check
	@$(BIN)/python -m nfvi_ha.cli.manifests check

clean: ## Remove everything that make made here (the control plane's cache stays: ~/.cache/nfvi-ha)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
