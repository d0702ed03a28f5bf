"""Direct preference optimisation on TRL's trainer: the backend ``trl``.

Supports any causal language model, full weights or LoRA, and TRL's pair losses. The
reference is given to the trainer: left to itself, TRL loads it again from the model's
recorded name, which an in-memory or converted model does not have. Uses decided
comparisons; rows over the length are shortened by the same rule as for reward models
and counted.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from training.engine import compat, loop, processes
from training.engine.checked import refuse_empty
from training.engine.context import RunContext, TaskResult
from training.engine.data import read_pairs, warnings_of
from training.engine.environment import environment
from training.engine.errors import FixableError
from training.engine.lora import check_targets, lora_config, merged
from training.engine.models import Loaded, load_policy, save_model
from training.engine.order import OrderedTrainer
from training.engine.precision import learning_part
from training.engine.preferences.frozen import check_frozen
from training.engine.tasks import common
from training.engine.tokens import PairTokens, pair_tokens


class TokenisedDPOTrainer(OrderedTrainer, DPOTrainer):
    """TRL's trainer on rows that are tokenised and shortened already, in our order.

    It gathers what processes find, so all of them need as many rows in a step.
    """

    fill = "repeat"

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, dataset_name: str
    ) -> Any:
        return dataset


def run(context: RunContext) -> TaskResult:
    """Train a policy; leave ``model/`` and its metrics."""
    spec = context.spec
    assert spec.data.train is not None
    if context.flag("use_weights"):
        raise FixableError(
            "TRL's trainer has no weights of rows.",
            expected="use_weights off with backend 'trl'",
            found="use_weights on",
            fix="Turn it off, or use backend 'hone'.",
            field="params.use_weights",
        )
    compat.score_completion_tokens_only()
    pairs = read_pairs(
        spec.data.train,
        field="data.train",
        pool=context.flag("pool_labels"),
        decided_only=True,
    )
    for pair in pairs.pairs:
        refuse_empty(pair.row_id, [pair.chosen, pair.rejected])
    loaded = load_policy(learning_part(spec), seed=spec.seed)
    check_frozen(["reference"], context, loaded)
    check_targets(spec.lora, loaded.model)
    max_length = common.usable_length(context, loaded)
    rows, shortened = pair_tokens(loaded.tokenizer, pairs.pairs, max_length)
    context.control.check()

    def timed(chosen: Sequence[int], extra: dict[str, Any]) -> DPOTrainer:
        # The step that also runs the reference is the slower one, so it is timed.
        extra = {**extra, "precompute_ref_log_probs": False}
        model = copy.deepcopy(loaded.model)
        return _trainer(context, loaded, model, [rows[i] for i in chosen], extra)

    kept = common.choose_rows(context, [row.length for row in rows], timed)
    start = loop.starting_point(context)
    counts = pairs.counts()
    context.started(
        step=start.checkpoint.step if start.checkpoint else 0,
        rows={**counts, "trained_on": len(kept.indices)},
        shortened={"rows": shortened, "max_length": max_length},
        subset=kept.summary(),
        template=loaded.template,
        environment=environment(loaded.model),
        **start.as_dict(*_shared(context, len(kept.indices)), *warnings_of(counts)),
    )
    trainer = _trainer(
        context, loaded, loaded.model, [rows[i] for i in kept.indices], {}
    )
    context.control.check()
    callback = loop.RunCallback(context, deadline=common.deadline(context))
    state = loop.train(trainer, context, callback, start)
    model = merged(trainer.model)
    # The trainer replaced the forward of this object; the saved files know nothing
    # of that, and a later load gets the class's own.
    save_model(model, loaded.tokenizer, context.out / "model")
    metrics = common.training_metrics(callback)
    metrics["rows/shortened"] = shortened
    return TaskResult(
        step=state.global_step,
        metrics=metrics,
        model="model",
        subset=common.subset_report(kept, callback),
    )


def _before(context: RunContext) -> bool:
    """Return whether the reference runs once, before training.

    TRL writes what it says where the process that wrote it alone finds it again.
    """
    return context.flag("precompute_reference") and processes.count() == 1


def _shared(context: RunContext, rows: int) -> list[str]:
    """Return what to say of a run that several processes share."""
    told = []
    if context.flag("precompute_reference") and not _before(context):
        told.append("the reference runs at every step, as TRL needs it in processes")
    short = -rows % processes.count()
    if not short:
        return told
    return [
        *told,
        f"{short} of {rows} rows are learned from twice an epoch, so that every "
        "process has as many; backend hone counts each once",
    ]


def _trainer(
    context: RunContext,
    loaded: Loaded,
    model: PreTrainedModel,
    rows: Sequence[PairTokens],
    extra: dict[str, Any],
) -> DPOTrainer:
    dataset = Dataset.from_dict(
        {
            "prompt_ids": [row.prompt for row in rows],
            "chosen_ids": [row.chosen for row in rows],
            "rejected_ids": [row.rejected for row in rows],
        }
    )
    arguments = (
        loop.training_arguments(context)
        | {"precompute_ref_log_probs": _before(context)}
        | extra
    )
    arguments["max_length"] = None
    trainer = TokenisedDPOTrainer(
        model=model,
        ref_model=_reference(context, model),
        args=DPOConfig(
            **arguments,
            beta=context.number("beta"),
            loss_type=[context.text("loss_type")],
            label_smoothing=context.number("label_smoothing"),
        ),
        train_dataset=dataset,
        processing_class=loaded.tokenizer,
        peft_config=lora_config(context.spec.lora, reward=False),
    )
    trainer.row_order = loop.row_order(
        context, [row.length for row in rows], shuffled=not extra
    )
    return trainer


def _reference(context: RunContext, model: PreTrainedModel) -> PreTrainedModel | None:
    """Return the frozen reference; None where the base under an adapter serves."""
    spec = context.spec
    if spec.reference is not None and spec.reference != spec.model:
        reference = load_policy(spec.reference, seed=spec.seed).model
    elif spec.lora is not None:
        return None
    else:
        reference = copy.deepcopy(model)
    reference.requires_grad_(False)
    return reference.eval()
