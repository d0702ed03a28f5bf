"""Memory does not grow with the project (tests/bench/export_memory.py measures it)."""

import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from annotation.services.exporting import Export
from tests.bench.comparisons import make_comparisons

pytestmark = pytest.mark.django_db
FEW, MANY = 1000, 3000  # two chunks or one row group, and three times as many


def peak(work: Callable[[], object]) -> int:
    """Return the most bytes that Python held at once while working."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def drain(export: Export) -> int:
    return sum(lines.count(b"\n") for lines in export.jsonl())


def test_an_export_three_times_as_large_takes_no_more_memory(tmp_path: Path) -> None:
    few, many = make_comparisons("few", FEW), make_comparisons("many", MANY)
    for view in ("pairs", "feedback"):
        small = Export(few, view=view)
        large = Export(many, view=view)
        drain(small)  # what is loaded once is loaded now
        low = peak(partial(drain, small))
        assert peak(partial(drain, large)) < 1.3 * low
    assert drain(Export(many)) == MANY
    small, large = Export(few), Export(many)
    low = peak(lambda: small.write_parquet(tmp_path / "few.parquet"))
    assert peak(lambda: large.write_parquet(tmp_path / "many.parquet")) < 1.3 * low
