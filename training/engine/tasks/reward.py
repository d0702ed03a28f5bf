"""Reward models on TRL's trainer: Bradley-Terry, optional margin and centring.

Supports any sequence-classification backbone with one output, encoder or causal, full
weights or LoRA. Learns the share of labels that preferred a side, ties included, or the
majority alone, ties counted and left out. Rows over the length are shortened and
counted (TRL would drop them). The backend ``hone`` runs every other head and loss.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl.trainer.reward_config import RewardConfig

from training.engine import loop, processes
from training.engine.checked import refuse_empty
from training.engine.context import RunContext, TaskResult
from training.engine.data import Pair, read_pairs, warnings_of
from training.engine.environment import environment
from training.engine.layout import can_share
from training.engine.lora import check_targets, lora_config, merged
from training.engine.models import Loaded, load_reward, save_model
from training.engine.precision import learning_part
from training.engine.reward_trainer import PreferenceRewardTrainer, UniqueSequences
from training.engine.scoring import has_score_head, scores_forward
from training.engine.tasks import common, reward_heads
from training.engine.tokens import PairTokens, pair_tokens


def run(context: RunContext) -> TaskResult:
    """Train a reward model; leave ``model/`` and its metrics."""
    if context.spec.backend == "hone":
        return reward_heads.run(context)
    spec = context.spec
    assert spec.data.train is not None
    pairs = read_pairs(
        spec.data.train,
        field="data.train",
        pool=context.flag("pool_labels"),
        decided_only=not context.flag("soft_labels"),
    )
    for pair in pairs.pairs:
        refuse_empty(pair.row_id, [pair.chosen, pair.rejected])
    loaded = load_reward(learning_part(spec), seed=spec.seed)
    check_targets(spec.lora, loaded.model)
    max_length = common.usable_length(context, loaded)
    rows, shortened = pair_tokens(loaded.tokenizer, pairs.pairs, max_length)
    context.control.check()

    def build(
        model: Any, chosen: Sequence[int], extra: dict[str, Any]
    ) -> PreferenceRewardTrainer:
        return _trainer(
            context,
            loaded,
            model,
            [pairs.pairs[i] for i in chosen],
            [rows[i] for i in chosen],
            max_length,
            extra,
        )

    def timed(chosen: Sequence[int], extra: dict[str, Any]) -> PreferenceRewardTrainer:
        return build(copy.deepcopy(loaded.model), chosen, extra)

    kept = common.choose_rows(context, [row.length for row in rows], timed)
    trainer = build(loaded.model, kept.indices, {})
    start = loop.starting_point(context)
    context.started(
        step=start.checkpoint.step if start.checkpoint else 0,
        rows={**pairs.counts(), "trained_on": len(kept.indices)},
        shortened={"rows": shortened, "max_length": max_length},
        subset=kept.summary(),
        template=loaded.template,
        environment=environment(loaded.model),
        **start.as_dict(*warnings_of(pairs.counts())),
    )
    callback = loop.RunCallback(context, deadline=common.deadline(context))
    state = loop.train(trainer, context, callback, start)
    model = merged(trainer.model)
    model.config.hone = {"max_length": max_length, "template": loaded.template}
    save_model(model, loaded.tokenizer, context.out / "model")
    metrics = common.training_metrics(callback)
    metrics["rows/shortened"] = shortened
    metrics |= common.validate_reward(
        context, Loaded(model, loaded.tokenizer, loaded.template), max_length
    )
    return TaskResult(
        step=state.global_step,
        metrics=metrics,
        model="model",
        subset=common.subset_report(kept, callback),
    )


def _trainer(
    context: RunContext,
    loaded: Loaded,
    model: Any,
    pairs: Sequence[Pair],
    rows: Sequence[PairTokens],
    max_length: int,
    extra: dict[str, Any],
) -> PreferenceRewardTrainer:
    columns: dict[str, list[Any]] = {
        "row_id": [pair.row_id for pair in pairs],
        "prompt_tokens": [len(row.prompt) for row in rows],
        "chosen_ids": [row.prompt + row.chosen for row in rows],
        "rejected_ids": [row.prompt + row.rejected for row in rows],
    }
    if context.flag("use_margin"):
        columns["margin"] = [pair.margin or 0.0 for pair in pairs]
    if context.flag("soft_labels"):
        columns["soft_label"] = [pair.soft_label for pair in pairs]
    if context.flag("use_weights"):
        total = sum(pair.weight for pair in pairs)
        columns["weight"] = [
            pair.weight * len(pairs) / total if total > 0 else 1.0 for pair in pairs
        ]
    if processes.count() > 1:
        # One more row takes the place of those that a process lacks in a step.
        columns = {name: [*found, found[0]] for name, found in columns.items()}
        columns["filler"] = [*[0.0] * len(rows), 1.0]
    arguments = loop.training_arguments(context) | extra
    arguments["max_length"] = max_length
    shared = can_share(model) and has_score_head(model)
    trainer = PreferenceRewardTrainer(
        model=model,
        args=RewardConfig(
            **arguments,
            # TRL knows neither soft labels nor where prompts end, and would drop them.
            remove_unused_columns=False,
            disable_dropout=not context.flag("dropout"),
            center_rewards_coefficient=context.optional("center_rewards_coefficient"),
        ),
        data_collator=UniqueSequences(
            int(loaded.tokenizer.pad_token_id or 0), shared=shared
        ),
        train_dataset=Dataset.from_dict(columns),
        processing_class=loaded.tokenizer,
        peft_config=lora_config(context.spec.lora, reward=True),
    )
    if shared:
        scores_forward(trainer.model)
    prompts = [str(row.prompt) for row in rows]
    trainer.row_order = loop.row_order(
        context,
        [row.shared_length if shared else row.length for row in rows],
        shuffled=not extra,
        together=prompts if context.flag("group_by_prompt") else None,
    )
    return trainer
