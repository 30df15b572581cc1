# For a machine without ROS. On a ROS machine, colcon builds this package (see README.md).
# ARGS are settings: make train ARGS="seed:=1 log_dir:=mine". PYTHON chooses the interpreter.
# ROS selects the ROS 2 distribution: kilted in .venv, jazzy in .venv-jazzy; both can be installed (make test ROS=jazzy).
ROS ?= kilted
VENV := $(if $(filter kilted,$(ROS)),.venv,.venv-$(ROS))
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
PYTHON ?=
# The fastest settings for reach (docs/performance.md); without effect beside a setting that they may not suit.
REACH := num_envs:=16 preset:=many_robots num_timesteps:=40000
OTHER := $(addsuffix :=%,task algo observation srl_model preset policy hyperparameters num_envs num_timesteps namespaces robot \
  robot_source realtime resume load_model params_file)
# Number of processes for the tests. Tests with time limits were tried with two processes on two cores.
TEST_PROCESSES ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadgroup
# PyBullet has wheels for 3.11 and 3.10; for a newer Python it is compiled, which takes about five minutes.
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.11 python3.10 python3 python3.13 python3.12)

ifeq ($(filter kilted jazzy,$(ROS)),)
$(error ROS is '$(ROS)'; wheels of ROS 2 exist on PyPI for: kilted, jazzy)
endif

# Tests that a busy core disturbs; they run after the others, one at a time: emulated boards, real time, killed processes, browsers.
CLOCK := firmware or realtime or faults or many_robots or page

.DEFAULT_GOAL := help
.PHONY: help setup demo train test test-quick coverage emulator format lint bench clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## install everything into .venv, again only if the requirements have changed (ROS=jazzy: into .venv-jazzy)

train: $(STAMP)  ## train over topics, evaluate on unseen targets, print where the results are (ARGS="name:=value ...")
	$(BIN)/rl_trainer train $(if $(filter $(OTHER),$(ARGS)),,$(REACH) )$(ARGS)
	$(BIN)/rl_trainer evaluate run:=latest $(filter log_dir:=% physics_hz:=%,$(ARGS))

demo: $(STAMP)  ## InMoov reaches for a target that you drag on a web page, with a policy that ships with the package
	$(BIN)/rl_trainer demo $(ARGS)

test: $(STAMP)  ## run the tests (those on the emulated board if it can be built; in CI it must)
	@$(BIN)/python -m robot_driver_ros.emulator.build || test -z "$$CI"
	$(PYTEST) -m "not ($(CLOCK))"
	$(BIN)/python -m pytest -q -m "$(CLOCK)"

test-quick: $(STAMP)  ## run the tests that need no ROS, no emulated board and no training; about two minutes on two cores
	$(PYTEST) -m "not (ros or firmware or slow)"

coverage: $(STAMP)  ## run the tests and print the coverage of each file; takes 1.5 times as long
	$(PYTEST) --cov --cov-report=term:skip-covered

emulator: $(STAMP)  ## build the emulated Arduino Mega (simavr, stock firmware) for tests and robot_source:=emulated
	$(BIN)/python -m robot_driver_ros.emulator.build

format: $(STAMP)  ## format the code as make lint requires
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

lint: $(STAMP)  ## check style, layout and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)  ## measure steps per second in process and over topics, for one robot and for many; under four minutes
	$(BIN)/python benchmarks/transport.py
	$(BIN)/python benchmarks/many_robots.py

clean:  ## remove .venv, .venv-jazzy and files of tools, but not runs
	rm -rf .venv .venv-jazzy build install log *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null || continue; \
	  $$python -c 'import ensurepip, venv' 2>/dev/null || { unready="$$unready $$python"; continue; }; \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then \
	    header=$$($$python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h; \
	    command -v g++ >/dev/null && test -e "$$header" || { bare="$$bare $$python"; continue; }; \
	  fi; \
	  echo "making $(VENV) with $$python"; exec $$python -m venv $(VENV); \
	done; \
	test -z "$$unready" || echo "no venv in$$unready: apt install python3-venv, then make setup again" >&2; \
	test -z "$$bare" || echo "no compiler for PyBullet on$$bare: apt install g++ python3-dev, then make setup again" >&2; \
	test -n "$$unready$$bare" || echo "no Python 3.10 or newer among $(PYTHONS): make setup PYTHON=/path/to/python3" >&2; \
	exit 1

$(STAMP): $(BIN)/python setup.py pyproject.toml constraints.txt $(wildcard messages/*.sh messages/*/*)
	@echo "setup 1 of 4: pip"
	@$(BIN)/python -m pip install -q --upgrade 'pip>=23' wheel 'setuptools<80'
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' || exit 0; \
	  echo "setup 2 of 4: compiling PyBullet, about five minutes" && \
	  $(BIN)/python -m pip install -q -c constraints.txt numpy && \
	  $(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation pybullet
	@echo "setup 3 of 4: rclpy, PyTorch, stable-baselines3 and others; about 2 GB, two to ten minutes"
	@$(BIN)/python -m pip install -q --progress-bar on -c constraints.txt -e '.[$(ROS),test,dev]'
	@echo "setup 4 of 4: the message of /tf, about a minute"
	@messages/build.sh $(VENV) $(ROS) || echo "tf2_msgs was not made: /tf will not be published here (see above); everything else works" >&2
	@touch $@
	@echo "ready: make train$(if $(filter kilted,$(ROS)),, ROS=$(ROS)), or $(BIN)/rl_trainer --help"
