"""Memory does not grow with the project (tests/bench/export_memory.py measures it)."""

import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from annotation.services.exporting import Export
from tests.bench.comparisons import make_comparisons

pytestmark = pytest.mark.django_db
FEW, MANY = 1300, 3000  # two whole portions and a row group, and some more


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


def test_a_larger_export_takes_no_more_memory(tmp_path: Path) -> None:
    few, many = make_comparisons("few", FEW), make_comparisons("many", MANY)
    path = tmp_path / "pairs.parquet"
    low = peak(lambda: Export(few).write_parquet(path))
    assert peak(lambda: Export(many).write_parquet(path)) < 1.3 * low
    small, large = Export(few, view="feedback"), Export(many, view="feedback")
    low = peak(partial(drain, small))
    assert peak(partial(drain, large)) < 1.3 * low


def test_long_texts_are_taken_a_few_at_a_time(tmp_path: Path) -> None:
    from annotation.services.importing import import_file
    from annotation.services.projects import create_project
    from tests.annotation.data.files import jsonl, pair

    project = create_project(slug="long")
    rows = [pair(n, a={"text": f"{n} " + "long " * 100_000}) for n in range(60)]
    import_file(project=project, path=jsonl(tmp_path / "x.jsonl", rows))
    texts = 60 * 500_000
    export = Export(project)
    drain(Export(make_comparisons("few", 10)))
    assert peak(partial(drain, export)) < 0.75 * texts
    path = tmp_path / "x.parquet"
    assert peak(lambda: export.write_parquet(path)) < 1.5 * texts
