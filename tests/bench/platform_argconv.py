"""A MiniLM reward model on real crowd judgements, through the platform.

Trains on what each pair's workers say together, one epoch, three seeds; tests on the
pairs that the published aggregate decides. The median seed's accuracy stands beside
the baselines, with the paired bootstrap over texts. `--seeds 0` for a quick look.

To choose settings off the test pairs, `--leave-out TEXT` tests on the training debates
whose title holds the text, and trains on the others.
"""

import argparse
import gzip
import json
import statistics
from pathlib import Path
from typing import Any

from tests.bench.study import data_file, platform, wait_for

Row = dict[str, Any]
# One prompt a batch: each text is then read once for the many pairs it is in.
RECIPE = {"group_by_prompt": True, "max_length": 256, "dropout": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--model", default="wheel:minilm")
    parser.add_argument("--params", type=json.loads, default=RECIPE, help="as JSON")
    parser.add_argument(
        "--aggregate", choices=["consensus", "reliability"], default="reliability"
    )
    parser.add_argument("--leave-out", help="test on training debates with this text")
    given = parser.parse_args()
    train = read(data_file("argconv/pairs_train.jsonl.gz"))
    test = read(data_file("argconv/pairs_test.jsonl.gz"))
    if given.leave_out:
        test = [row for row in train if given.leave_out in debate(row)]
        debates = {debate(row) for row in test}
        train = [row for row in train if debate(row) not in debates]
    with platform() as var:
        files = [var / "train.jsonl", var / "test_decided.jsonl"]
        write(files[0], train)
        count = write(files[1], decided(test))
        print(f"{count} test pairs are decided by the published aggregate")
        results = study(
            files, given.model, given.seeds.split(","), given.params, given.aggregate
        )
    report(results)


def read(path: Path) -> list[Row]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def write(path: Path, rows: list[Row]) -> int:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return len(rows)


def debate(row: Row) -> str:
    """Return the title: the prompt's first line, whichever side it argues for."""
    return str(row["prompt"][0]["content"]).partition("\n")[0]


def decided(rows: list[Row]) -> list[Row]:
    """Return the decided pairs for testing, labelled by the published aggregate."""
    label = {"annotator": "published aggregate", "kind": "human"}
    return [
        row | {"split": "test", "labels": [{**label, "choice": row["gold"]}]}
        for row in rows
        if row["gold"] in ("a", "b")
    ]


def study(
    files: list[Path],
    base: str,
    seeds: list[str],
    params: dict[str, Any],
    aggregate: str,
) -> list[dict[str, Any]]:
    """Import, freeze, train and evaluate; return a dictionary a seed."""
    from django.conf import settings

    from annotation.services.importing import ImportOptions, import_file
    from annotation.services.projects import create_project
    from training.models import Evaluation, ModelVersion
    from training.services.freezing import create_snapshot, freeze
    from training.services.launching import launch
    from training.services.promoting import base_model
    from workers.loop.hands import workers_at_hand

    project = create_project(slug="argconv")
    for path in files:
        row = import_file(
            project=project, path=path, options=ImportOptions(closed=True)
        )
        print(path.name, row.counts)
    snapshot = create_snapshot(project=project, query={"aggregate": aggregate})
    snapshot = freeze(snapshot.pk)
    print("snapshot", snapshot.manifest["counts"])
    results = []
    with workers_at_hand(settings.VAR / "log"):
        for seed in map(int, seeds):
            run = wait_for(
                launch(
                    project=project,
                    kind="reward",
                    model=base_model(
                        project=None, source=base, role=ModelVersion.Role.ENCODER
                    ),
                    snapshot=snapshot,
                    params={"log_steps": 10, **params},
                    seed=seed,
                    name=f"reward model, seed {seed}",
                )
            )
            assert run.finished_at and run.started_at
            evaluation = wait_for(
                launch(
                    project=project,
                    kind="evaluate",
                    model=ModelVersion.objects.get(run=run),
                    snapshot=snapshot,
                    params={"role": "reward"},
                    seed=seed,
                    name=f"evaluation, seed {seed}",
                )
            )
            found = Evaluation.objects.get(run=evaluation).report
            seconds = (run.finished_at - run.started_at).total_seconds()
            results.append({"seed": seed, "seconds": seconds, **found})
            print(json.dumps({k: results[-1][k] for k in ("seed", "seconds")}), found)
    return results


def report(results: list[dict[str, Any]]) -> None:
    ranked = sorted(results, key=lambda row: row["accuracy"]["value"])
    median = ranked[len(ranked) // 2]
    print(f"accuracy, median of {len(results)} seeds: {show(median['accuracy'])}")
    print("all seeds:", [f"{row['accuracy']['value']:.3f}" for row in results])
    for name, row in median["baselines"].items():
        print(
            f"{name}: {show(row['accuracy'])}, ours minus it {show(row['difference'])}"
        )
    print(f"ECE {median['ece']:.3f}; pairs {median['pairs']}; {median['resampled']}")
    minutes = statistics.median(row["seconds"] for row in results) / 60
    print(f"training took {minutes:.1f} minutes, median")


def show(interval: dict[str, float]) -> str:
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


if __name__ == "__main__":
    main()
