# `make demo` shows what circle does, `make test` proves it. Each sets itself up: all they need is Python 3.11 to 3.13 and make.

OUT ?= out/kuangshan
VENV := .venv
STAMP := $(VENV)/.installed
COMPILED := $(VENV)/.compiled
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: maps notebooks screenshots help demo test lint types layers pytest browser format wheel pins clean

help:
	@echo "make demo     the main job on the small synthetic town that comes along; prints where its map lies"
	@echo "make test     everything that must hold: style, types, layers, tests"
	@echo "make format   bring the code into the house style"
	@echo "make maps     the published page of the small town and the page that lists the maps, in maps/"
	@echo "make notebooks  take the outputs out of the notebooks, as they are stored"
	@echo "make screenshots  the pictures of the README anew; those of real places where CIRCLE_TEST_DATA names their extracts"
	@echo "make wheel    build the wheel and the source archive into dist/"
	@echo "make pins     the newest versions of everything into constraints.txt"
	@echo "make clean    remove the environment and everything that can be made again"

demo: $(STAMP)
	@$(BIN)/circle demo -o $(OUT)
	@echo "Open $(abspath $(OUT))/map.html in any browser; it needs no internet."

test: lint types layers pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports --no-cache

# One process more than there are cores: much of what the tests do is to wait for a browser.
pytest: $(COMPILED) browser
	$(BIN)/pytest -n $$($(BIN)/python -c "import os; print((os.cpu_count() or 1) + 1)") --dist loadfile

# Inner loops are compiled once, before processes run side by side of which each would do so for itself.
$(COMPILED): $(STAMP) $(wildcard circle/kernels/*.py)
	@echo "Compiling inner loops (once; up to a minute)"
	@$(BIN)/circle demo -o $(VENV)/compiled --quiet
	@touch $@

browser:
	@sh .ci/browser

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(STAMP)
	@$(BIN)/python notebooks/strip.py

maps: $(STAMP)
	@$(BIN)/python maps/make.py

# Kuangshan always; Yizhuang and Las Palmas where their extracts are at hand.
screenshots: $(STAMP) browser
	@$(BIN)/circle demo -o out/kuangshan
	@set -e; pages="kuangshan=out/kuangshan"; for place in yizhuang:beijing_yizhuang_2021 las_palmas:las_palmas_2023; do \
	  file="$(CIRCLE_TEST_DATA)/osm/$${place#*:}.osm.pbf"; name="$${place%%:*}"; \
	  if [ -f "$$file" ]; then $(BIN)/circle run "$$file" -o "out/$$name"; pages="$$pages $$name=out/$$name"; fi; done; \
	  $(BIN)/python maps/screenshots.py $$pages

wheel: $(STAMP)
	$(BIN)/pip install --quiet build
	$(BIN)/python -m build --outdir dist .

# The environment is made once, and again when its description changes.
$(STAMP): pyproject.toml constraints.txt
	@sh .ci/environment $(VENV)
	@touch $@

pins:
	@rm -rf $(VENV)-pins
	@CIRCLE_CONSTRAINTS=/dev/null sh .ci/environment $(VENV)-pins
	@sed -n '/^#/p' constraints.txt > constraints.new
	@{ $(VENV)-pins/bin/pip freeze --exclude-editable; grep '^colorama==' constraints.txt; } | LC_ALL=C sort -f -u >> constraints.new
	@mv constraints.new constraints.txt && rm -rf $(VENV)-pins
	@echo "constraints.txt is renewed: run make test"

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
