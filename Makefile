# `make` alone lists the targets. Every target sets up what it needs: a virtualenv in .venv from hash-pinned sets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
STAGE ?= dev

# The system's Python first: a lab's processes may run as another user, who cannot enter a private Python's folder.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv
unexport PYTHONPATH PYTHONHOME

.PHONY: help setup demo test live check smoke faults soak bugs storm outage rebuild snapshot rehearsal bench package deploy requirements packs locks generate fmt clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: .venv/.ready ## the virtualenv with everything in it

.venv/.ready: requirements/bootstrap.txt requirements/dev.txt requirements/scan.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found. On Debian: apt install python3 python3-venv" >&2; exit 1; }
	@date +%s.%N > .setup-began
	@test -x .venv/bin/python || "$(PYTHON)" -m venv .venv || { rm -rf .venv; \
		echo "Python's venv module is missing. On Debian: apt install python3-venv" >&2; exit 1; }
	@.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@uv pip sync -q --require-hashes requirements/dev.txt
	@uv pip install -q --no-deps --no-build-isolation -e .
	@uv venv -q --clear --python "$(PYTHON)" .venv/scan && uv pip sync -q --python .venv/scan/bin/python --require-hashes requirements/scan.txt
	@echo "$$(date +%s.%N) $$(cat .setup-began)" | awk '{printf "%.1f\n", $$1 - $$2}' > $@; rm -f .setup-began

demo: setup ## the cloud on this machine, and one genomics lab in it; prints the link
	@aws-research-wizard local up
	@aws-research-wizard jupyter quick-start --domain genomics --name demo --team-size 5 --notebook-examples --reuse

# What tests decisions is watched (a third slower); the rest is not.
DECIDING := $(addprefix tests/unit/,cost hours images kernels limits people wake idle/test_rules.py idle/test_cases.py \
	audit/test_chain.py audit/test_sizes.py audit/test_patrol.py backups/test_rules.py bills/test_rules.py packs/test_rules.py \
	labs/test_findings.py labs/test_rules.py)

test: setup ## all tests, also those against the local cloud with real hubs
	@rm -f .coverage .coverage.*
	python -m pytest -n 2 $(DECIDING) --cov --cov-report=
	coverage report --fail-under=95
	python -m pytest -n 2 -m "not local_cloud and not by_the_clock" $(addprefix --ignore=,$(DECIDING))
	python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder -m local_cloud --timeout 600 --durations=10

live: setup ## the stories that wait for minutes of the clock: idle labs, timetables
	python -m pytest -m by_the_clock --timeout 900

check: setup ## lint, types, arrows, stale files
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python -m tools.requirements --check
	python -m tools.locks all --check
	python -m tools.openapi --check
	python -m tools.client_models --check
	python -m tools.command_pages --check
	python -m tools.fakes_page --check
	python -m tools.pack_pages --check
	python -m tools.instances --check
	python -m tools.pack_findings --check
	aws-research-wizard packs lint all
	python -m tools.faults --rows
	cfn-lint --version >/dev/null
	bash -n chalicelib/runtime/boot.sh .ci/run

smoke: setup ## the main job end to end, without a person; writes build/smoke.json
	python -m tools.smoke

faults: setup ## every single fault and every pair, at every AWS call of every flow (FLOW=, SINGLES=1, SEED=, REPLAY='…')
	@python -m tools.faults $(if $(SINGLES),--singles) $(if $(FLOW),--flow $(FLOW)) $(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay '$(REPLAY)')

soak: setup ## random histories of the whole system (SECONDS=600, SEED=, REPLAY=)
	@python -m tools.soak --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(REPLAY))

bugs: setup ## plant bugs in a copy of the tree, one at a time: each must be caught (ONLY='words')
	@python -m tools.bugs $(if $(ONLY),--only '$(ONLY)')

storm: setup ## lab lives on a real local cloud while its parts are killed (LIVES=30, SEED=); writes build/storm.json
	@python -m tools.storm --lives $(or $(LIVES),30) $(if $(SEED),--seed $(SEED))

outage: setup ## a lab serves while its control plane is dead (SECONDS=600); writes build/outage.json
	@python -m tools.outage --seconds $(or $(SECONDS),600)

rebuild: setup ## begin a lost stage again in another region (STAGE=, REGION=, FROM=bucket, DRY_RUN=1, PARAMETERS=)
	@python -m tools.rebuild --stage $(STAGE) --region $(REGION) --from $(FROM) $(if $(DRY_RUN),--dry-run) $(PARAMETERS)

snapshot: setup ## the tables of STAGE beside its backups, now (it happens every night)
	@python -m tools.snapshot --stage $(STAGE)

rehearsal: setup ## a region lost and begun again, on two emulated ones; writes build/rehearsal.json
	@python -m tools.rehearsal

bench: setup ## the figures, each beside a peer in one run; writes build/bench.json
	python -m bench

package: setup ## the CloudFormation package in build/package-STAGE
	python -m tools.package --stage $(STAGE) --out build/package-$(STAGE)

deploy: setup ## the package of STAGE to the AWS account of your credentials
	python -m tools.deploy --stage $(STAGE) $(PARAMETERS)

requirements: setup ## compile the hash-pinned requirement sets again
	python -m tools.requirements

packs: setup ## every pack's kernels installed, every lesson run; writes build/packs.json (RECORD=1: also what the catalogue shows)
	python -m tools.lessons all $(if $(RECORD),--record --pictures)

locks: setup ## solve every pack's kernels again
	python -m tools.locks all

generate: setup ## everything that is generated and checked in
	python -m tools.openapi
	python -m tools.client_models
	python -m tools.command_pages
	python -m tools.fakes_page
	python -m tools.pack_findings
	python -m tools.pack_pages

fmt: setup ## format and mend what can be mended
	ruff check --fix .
	ruff format .

clean: ## forget everything that was built here (your labs stay: `aws-research-wizard local reset` removes those)
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
