"""mutmut, with what it leaves out and these tests need.

* Functions with decorators are mutated too. mutmut leaves them out, and with them what stands
  under `torch.inference_mode` and every property. Here the decorators stay with the function that
  chooses between the mutants, and the mutants go without.
* What runs while a fixture of a module is set up counts as run by every test that asks for the
  fixture, not by the first one alone.
* The tests of a mutant run in an order, the fastest files first.
* What the server of the processes holds is left alone by the garbage collector in them, whose
  looking through all of torch for each mutant took half of the time.
* With MUTANTS_SAMPLE in the environment, so many mutants of a module are tried, drawn by chance.
"""

import gc
import os
import sys
from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from random import Random
from statistics import fmean
from typing import Any

import libcst as cst
import pytest
from mutmut import __main__ as mutmut
from mutmut.mutation import file_mutation
from mutmut.mutation.file_mutation import Mutation, MutationVisitor
from mutmut.runners.harness import PytestRunner
from mutmut.state import state

BOUND_BY_MUTMUT = {"staticmethod", "classmethod"}

hits_of_fixtures: dict[Any, set[str]] = {}

_skips = MutationVisitor._skip_node_and_children
_arranges = file_mutation.function_trampoline_arrangement
_arguments = PytestRunner._pytest_args_regular_run
_runs = PytestRunner.execute_pytest
_warms_up = PytestRunner.warm_up
_collects = mutmut.collect_source_file_mutation_data


def is_decorated(function: cst.FunctionDef) -> bool:
    """Return whether a function has a decorator that mutmut does not know."""
    decorators = [decorator.decorator for decorator in function.decorators]
    names = {name.value for name in decorators if isinstance(name, cst.Name)}
    return bool(decorators) and not names & BOUND_BY_MUTMUT


def skips(visitor: MutationVisitor, node: cst.CSTNode) -> bool:
    """Return whether nothing in `node` is to be mutated."""
    if isinstance(node, cst.FunctionDef) and is_decorated(node):
        return False
    return _skips(visitor, node)


def arranges(
    function: cst.FunctionDef, mutants: Iterable[Mutation], class_name: str | None
) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[str]]:
    """Return mutmut's code for the mutants of `function`, decorated where they are called."""
    before, (choice, *copies), after, names = _arranges(function, mutants, class_name)
    if is_decorated(function):
        copies = [copy.with_changes(decorators=[]) for copy in copies]
    return before, [choice, *copies], after, names


def arguments(runner: PytestRunner, tests: Iterable[str]) -> list[str]:
    """Return the arguments of a run of `tests`, in order of what one of their file takes."""
    seconds = state().duration_by_test
    of_file: dict[str, list[float]] = defaultdict(list)
    for test in tests:
        of_file[test.partition("::")[0]].append(seconds.get(test, 0))

    def order(test: str) -> tuple[float, str, float]:
        file = test.partition("::")[0]
        return fmean(of_file[file]), file, seconds.get(test, 0)

    return _arguments(runner, sorted(tests, key=order))


def runs(runner: PytestRunner, params: list[str], plugins: Sequence[object] = ()) -> int:
    """Run pytest, with the hooks of this module."""
    return _runs(runner, params, plugins=[*plugins, sys.modules[__name__]])


def warms_up(runner: PytestRunner) -> None:
    """Import the tests, once for all mutants."""
    _warms_up(runner)
    gc.collect()
    gc.freeze()


def collects(*, mutant_names: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    """Return the mutants to try, and what is known of each file."""
    mutants, files = _collects(mutant_names=list(mutant_names))
    sample = int(os.environ.get("MUTANTS_SAMPLE", len(mutants)))
    return Random(0).sample(mutants, min(sample, len(mutants))), files


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any) -> Generator[None, Any, Any]:
    """Note what runs while a fixture is set up that several tests share."""
    if fixturedef.scope == "function":
        return (yield)
    before = set(state()._stats)
    state()._stats.clear()
    try:
        return (yield)
    finally:
        hits_of_fixtures[fixturedef] = set(state()._stats)
        state()._stats.update(before)


def pytest_runtest_call(item: Any) -> None:
    """Count what its fixtures have run as run by the test."""
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        for definition in definitions:
            state()._stats.update(hits_of_fixtures.get(definition, ()))


if __name__ == "__main__":
    MutationVisitor._skip_node_and_children = skips  # type: ignore[method-assign, assignment]
    PytestRunner._pytest_args_regular_run = arguments  # type: ignore[method-assign, assignment]
    PytestRunner.execute_pytest = runs  # type: ignore[method-assign, assignment]
    PytestRunner.warm_up = warms_up  # type: ignore[method-assign, assignment]
    file_mutation.function_trampoline_arrangement = arranges
    mutmut.collect_source_file_mutation_data = collects
    mutmut.cli()
