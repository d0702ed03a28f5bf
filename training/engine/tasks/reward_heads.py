"""Reward models with other heads and losses, on one trainer of ours.

Supports causal models and encoders as backbones, full weights or LoRA (the head is
always trained whole), on one or several processes. Verdicts need a language model.
Rows are read for what the method needs and refused before training; rows over the
length are shortened and counted.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from peft import get_peft_model
from transformers import TrainingArguments
from trl.trainer.utils import disable_dropout_in_model

from training.engine import loop
from training.engine.context import RunContext, TaskResult
from training.engine.data import read_pairs, warnings_of
from training.engine.environment import environment
from training.engine.evaluate import metrics as measures
from training.engine.layout import can_share
from training.engine.lora import check_targets, lora_config
from training.engine.models import Loaded, save_model
from training.engine.preferences import columns as col
from training.engine.preferences.trainer import Positions
from training.engine.registry import get
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.rewards.build import debiased, prepare
from training.engine.rewards.examples import Collator, Encoder, Example
from training.engine.rewards.meta import Samples
from training.engine.rewards.model import RewardModel
from training.engine.rewards.pair_rows import CONDITIONS
from training.engine.rewards.rows import Reader
from training.engine.rewards.samples import samples_of_policy
from training.engine.rewards.trainer import RewardModelTrainer
from training.engine.tasks import common
from training.engine.tasks.score import pair_gaps


def run(context: RunContext) -> TaskResult:
    """Train a reward model; leave ``model/`` and its metrics."""
    return _Run(context).run()


@dataclass
class _Run:
    context: RunContext

    def run(self) -> TaskResult:
        context, spec = self.context, self.context.spec
        assert spec.data.train is not None
        preset = get(spec.preset)
        settings = preset.settings
        assert isinstance(settings, RewardRow)
        started = prepare(spec, preset, settings, context.params)
        check_targets(spec.lora, started.backbone)
        self.tokenizer = started.tokenizer
        bare = Loaded(started.backbone, started.tokenizer, started.template)
        self.max_length = common.usable_length(context, bare)
        encoder = Encoder(self.tokenizer, self.max_length)
        reader = Reader(preset, settings, context.params, encoder, spec.seed)
        reading = reader.read(spec.data.train)
        self.examples = reading.examples
        self.drawn = (
            samples_of_policy(context, encoder) if "policy" in preset.models else []
        )
        model = started.build(reading)
        context.control.check()
        kept = common.choose_rows(
            context, [example.length for example in self.examples], self._timer(model)
        )
        chosen = [self.examples[i] for i in kept.indices]
        if context.params.get("debias"):
            debiased(
                model,
                Collator(chosen, int(self.tokenizer.pad_token_id or 0)),
                batch_size=context.integer("batch_size"),
                threshold=context.number("debias_threshold"),
            )
        start = loop.starting_point(context)
        context.started(
            step=start.checkpoint.step if start.checkpoint else 0,
            rows={**reading.counts, "trained_on": len(kept.indices)},
            shortened={"rows": encoder.shortened, "max_length": self.max_length},
            subset=kept.summary(),
            template=started.template,
            environment=environment(model),
            **start.as_dict(*warnings_of(reading.counts)),
        )
        trainer, adapted = self._trainer(model, chosen, {})
        callback = loop.RunCallback(context, deadline=common.deadline(context))
        state = loop.train(trainer, context, callback, start)
        if adapted is not None:
            model.backbone = adapted.merge_and_unload()
        model.config.hone = {
            "max_length": self.max_length,
            "template": started.template,
        }
        save_model(model, self.tokenizer, context.out / "model")
        metrics = common.training_metrics(callback)
        metrics["rows/shortened"] = encoder.shortened
        loaded = Loaded(model, self.tokenizer, started.template)
        metrics |= self._validation(loaded, settings)
        return TaskResult(
            step=state.global_step,
            metrics=metrics,
            model="model",
            subset=common.subset_report(kept, callback),
        )

    def _timer(self, model: RewardModel) -> common.Build:
        def timed(chosen: Sequence[int], extra: dict[str, Any]) -> RewardModelTrainer:
            examples = [self.examples[i] for i in chosen]
            return self._trainer(copy.deepcopy(model), examples, extra)[0]

        return timed

    def _trainer(
        self, model: RewardModel, examples: Sequence[Example], extra: dict[str, Any]
    ) -> tuple[RewardModelTrainer, Any]:
        """Return a trainer, and the wrapper of the backbone's adapters if it has."""
        context = self.context
        arguments = loop.training_arguments(context) | extra
        del arguments["max_length"]
        if "contrast_weight" not in context.params:  # which lives on dropout
            disable_dropout_in_model(model.backbone)
        adapters = lora_config(context.spec.lora, reward=False)
        adapted = None
        if adapters is not None and any(
            parameter.requires_grad for parameter in model.backbone.parameters()
        ):
            if model.description.head != "verdict":
                adapters.task_type = None
            adapted = get_peft_model(model.backbone, adapters)
            if arguments["gradient_checkpointing"]:
                model.backbone.enable_input_require_grads()
        shared = can_share(model.backbone)
        trainer = RewardModelTrainer(
            params=context.params,
            samples=self._samples(shared),
            model=model,
            args=TrainingArguments(**arguments, remove_unused_columns=False),
            train_dataset=Positions(len(examples)),
            data_collator=Collator(
                examples,
                int(self.tokenizer.pad_token_id or 0),
                weighted=context.flag("use_weights"),
                by_name=model.description.head in ("ideal_point", "features"),
                shared=shared,
            ),
            processing_class=self.tokenizer,
        )
        trainer.row_order = loop.row_order(
            context,
            [e.shared_length if shared else e.length for e in examples],
            shuffled=not extra,
        )
        return trainer, adapted

    def _samples(self, shared: bool) -> Samples | None:
        """Return the policy's completions, if the method looks at them."""
        if not self.drawn:
            return None
        pad = int(self.tokenizer.pad_token_id or 0)
        return Samples(
            Collator(self.drawn, pad, shared=shared),
            prompts=self.context.integer("meta_batch"),
            rate=self.context.number("meta_rate"),
            seed=self.context.spec.seed,
        )

    def _validation(self, loaded: Loaded, settings: RewardRow) -> dict[str, Any]:
        """Return accuracy and loss on validation pairs, if the rows are pairs."""
        context = self.context
        path = context.spec.data.validation
        if path is None or settings.data != "pairs" or settings.map == "joint":
            return {}
        wanted = col.wanted(get(context.spec.preset))
        pairs = read_pairs(
            path,
            field="data.validation",
            pool=context.flag("pool_labels") and not settings.named,
            decided_only=True,
            may_be_empty=True,
            extra=[*wanted, "annotator"],
            apart=[name for name in wanted if name in CONDITIONS],
        ).pairs[: common.VALIDATION_ROWS]
        if settings.map == "reference":
            pairs = [
                replace(pair, extra={**pair.extra, "reference": list(reference)})
                for pair in pairs
                if (reference := pair.extra.get("reference"))
            ]
        if not pairs:
            return {}
        gaps, _ = pair_gaps(
            loaded,
            pairs,
            max_length=self.max_length,
            batch_size=2 * context.integer("batch_size"),
        )
        return {
            "validation/accuracy": measures.pair_accuracy(gaps),
            "validation/loss": measures.pair_loss(gaps),
            "validation/rows": len(pairs),
        }
