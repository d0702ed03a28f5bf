"""What the engine is given: spec.json and the Parquet files it names.

A worker writes them into the attempt's own directory just before it starts the
engine. pyarrow is imported late: the web process needs none of it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from annotation.errors import InvalidInput
from annotation.models import Completion, Prompt
from training.engine.registry import get
from training.engine.registry.tools import SNAPSHOT
from training.models import ModelVersion, TrainingRun
from training.services import artifacts
from training.services.held_out import refuse_held_out
from training.services.model_places import check_source

SPEC_VERSION = 1


def write_spec(run: TrainingRun, directory: Path) -> Path:
    """Write spec.json, prompts.parquet and rows.parquet as the run needs them.

    Raises:
        InvalidInput: when a snapshot's files are gone, a model lies where the project
            may not read, or what the run would learn from is kept back by now.
        OSError: when the directory cannot be written.
    """
    inputs = run.inputs
    refuse_held_out(
        get(run.preset),
        run.project,
        snapshot=run.snapshot,
        prompts=inputs.get("prompt_ids", ()),
        completions=inputs.get("completion_ids", ()),
    )
    spec: dict[str, Any] = {
        "version": SPEC_VERSION,
        "task": run.kind,
        "preset": run.preset,
        "backend": run.backend,
        "seed": run.seed,
        "model": _model(run.model, inputs),
        "reference": _model(run.reference, inputs) if run.reference else None,
        "data": _data(run, directory),
        "params": dict(run.params),
        "lora": run.lora,
        "limits": run.limits,
    }
    spec["models"] = {
        name: _model(ModelVersion.objects.get(pk=pk), inputs)
        for name, pk in inputs.get("models", {}).items()
    }
    if inputs.get("reward_model"):
        judge = ModelVersion.objects.get(pk=inputs["reward_model"])
        spec["params"]["reward_model"] = artifacts.resolve_source(judge.source)
    elif named := run.params.get("reward_model"):
        check_source(str(named).strip(), run.project)
    spec["params"] |= _suite_file(run.params)
    path = directory / "spec.json"
    path.write_text(json.dumps(spec, indent=2, ensure_ascii=False), encoding="utf-8")
    return path


def _suite_file(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the setting that names a published test set's file, if one is asked for.

    Raises:
        InvalidInput: when it is not where the operator puts it, or when a run names
            another file of this machine.
    """
    if params.get("suite_file"):
        raise InvalidInput(
            "A run names its own test set's file.",
            expected="a suite by its name, its file among the artifacts",
            found="a path",
            fix=f"Put the file under {artifacts.root() / 'suites'} and name the suite.",
        )
    suite = str(params.get("suite") or SNAPSHOT)
    return {} if suite == SNAPSHOT else {"suite_file": str(artifacts.suite_file(suite))}


def _model(version: ModelVersion | None, inputs: dict[str, Any]) -> dict[str, str]:
    assert version is not None  # launching refuses a run without a model
    if version.run_id is None:
        # Again, now: what was open when it was named may be closed since.
        check_source(version.source, version.project)
    return {
        "source": artifacts.resolve_source(version.source),
        "dtype": inputs.get("dtype", "float32"),
    }


def _data(run: TrainingRun, directory: Path) -> dict[str, str]:
    data: dict[str, str] = {}
    if run.snapshot_id is not None:
        folder = artifacts.snapshot_dir(run.snapshot_id)
        for split in ("train", "validation", "test"):
            file = folder / f"{split}.parquet"
            if file.is_file() and _row_count(file):
                data[split] = str(file)
        if run.kind == TrainingRun.Kind.EVALUATE and "validation" in data:
            # A project may hold back one split only: that one is the test then.
            data.setdefault("test", data["validation"])
        if not data and "train" in get(run.preset).needs:
            raise InvalidInput(
                "The run's snapshot has no rows on disk.",
                expected=f"Parquet files with rows under {folder}",
                found="none",
                fix="Freeze a new snapshot, or bring the artifacts' volume back.",
            )
    if run.inputs.get("prompt_ids"):
        data["prompts"] = str(write_prompts(run, directory / "prompts.parquet"))
    if run.inputs.get("completion_ids"):
        data["rows"] = str(write_rows(run, directory / "rows.parquet"))
    return data


def _row_count(file: Path) -> int:
    import pyarrow.parquet as pq
    from pyarrow import ArrowInvalid

    try:
        return int(pq.read_metadata(file).num_rows)
    except (ArrowInvalid, OSError) as error:
        raise InvalidInput(
            "A snapshot's file cannot be read.",
            expected=f"a Parquet file at {file}",
            found=str(error)[:300],
            fix="It was damaged after it was frozen: freeze a new snapshot.",
        ) from error


def write_prompts(run: TrainingRun, path: Path) -> Path:
    """Write the prompts to sample for, in the order in which they were asked for."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids = run.inputs["prompt_ids"]
    found = Prompt.objects.filter(project=run.project_id).in_bulk(ids)
    rows = [
        {"prompt_id": str(pk), "messages": _turns(found[pk].messages)} for pk in ids
    ]
    schema = pa.schema([("prompt_id", pa.string()), ("messages", _message_list())])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def write_rows(run: TrainingRun, path: Path) -> Path:
    """Write the completions to score, each with its prompt."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = Completion.objects.filter(
        prompt__project=run.project_id, pk__in=run.inputs["completion_ids"]
    ).select_related("prompt")
    rows = [
        {
            "row_id": str(row.pk),
            "prompt": _turns(row.prompt.messages),
            "completion": _turns(row.messages),
            **_told(row.prompt.context),
        }
        for row in found.order_by("prompt_id", "content_hash")
    ]
    messages = _message_list()
    schema = pa.schema(
        [
            ("row_id", pa.string()),
            ("prompt", messages),
            ("completion", messages),
            ("context", pa.string()),
            ("reference", messages),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def _told(context: Any) -> dict[str, Any]:
    """Return what a prompt's context says to reward models that read it.

    ``context`` is the criterion or the persona to judge by, ``reference`` an answer.
    """
    said = context if isinstance(context, dict) else {}
    wish = said.get("criterion") or said.get("persona")
    answer = said.get("reference")
    return {
        "context": wish if isinstance(wish, str) else None,
        "reference": (
            [{"role": "assistant", "content": answer}]
            if isinstance(answer, str) and answer
            else None
        ),
    }


def _turns(messages: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"role": item["role"], "content": item["content"]} for item in messages]


def _message_list() -> Any:
    import pyarrow as pa

    return pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
