# What people type. Everything runs from .venv, which `make setup` makes; nothing else is needed.
PYTHON ?=
BIN := .venv/bin
NICE := OMP_NUM_THREADS=2 QT_QPA_PLATFORM=offscreen

.PHONY: help setup demo demo-real test lint types contracts unit soak bench results wheel clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: .venv/ready  ## virtual environment with everything that nirvis needs

.venv/ready: pyproject.toml constraints.txt tools/setup
	@PYTHON="$(PYTHON)" tools/setup

demo: setup  ## the whole way on the simulated rig: record, register, train, colour
	$(BIN)/nirvis demo --out demo

demo-real: setup  ## the same way on real near-infrared pictures
	$(BIN)/nirvis demo --real --out demo-real

test: lint types contracts unit  ## everything that CI checks

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

unit: setup
	$(NICE) $(BIN)/pytest --numprocesses 2 --dist loadfile

soak: setup  ## every fault at every moment, 1000 starts and stops, 30 minutes at line rate, the window on an X server, torch.compile with a C++ compiler; needs 10 GB of disk
	$(NICE) $(BIN)/pytest --soak --write-docs tests/capture/test_capture_fault_matrix.py \
		tests/capture/test_capture_pairing_faults.py tests/capture/test_capture_soak.py
	$(NICE) $(BIN)/pytest --soak tests/gui/test_gui_x_server.py
	$(NICE) $(BIN)/pytest --soak tests/training/test_training_compile.py

bench: setup  ## the figures, each beside a peer in the same run
	@$(BIN)/python -c 'import tifffile, zarr' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/twin.py
	$(BIN)/python benchmarks/record.py
	$(BIN)/python benchmarks/gui.py
	$(BIN)/python benchmarks/pairing.py
	$(BIN)/python benchmarks/colorize.py
	$(BIN)/python benchmarks/compact.py
	$(BIN)/python benchmarks/register.py
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/train.py
	$(BIN)/python benchmarks/train_unpaired.py

CLIPS := $(wildcard $(NIRVIS_REAL_DATA)/m3svd/*/infrared)

results: setup $(if $(CLIPS),m3svd/splits.csv)  ## every method with one budget, in tables; hours on two cores, goes on where it was stopped
	@test -d demo/pairs || $(BIN)/nirvis demo --out demo
	@test -d demo-real/pairs || $(BIN)/nirvis demo --real --out demo-real
	$(BIN)/python benchmarks/results.py --docs docs/results.md --table supervised-twin=demo/pairs \
		--table supervised-real=demo-real/pairs --table unpaired-twin=demo/pairs \
		$(if $(CLIPS),--table unpaired-m3svd=m3svd)

m3svd/splits.csv: | setup
	for clip in $(dir $(CLIPS)); do \
		$(BIN)/nirvis import-dataset folders $$clip/infrared $$clip/visible --out m3svd \
			--name $$(basename $$clip) --place "m3svd $$(basename $$clip)" --band thermal || exit 1; \
	done
	$(BIN)/nirvis split m3svd

wheel: setup  ## build the wheel and try it without the checkout
	tools/try-wheel

clean:  ## remove what the demo and the tests left
	rm -rf demo demo-real m3svd .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
