"""Policies from collected preferences: every offline objective, on one trainer.

Supports any causal language model, full weights or LoRA, on one or several processes.
Rows are read for what the method needs and refused before the model runs; frozen
models run once, through a cache, and leave memory; texts over the length are shortened
and counted. The backend ``trl`` runs DPO on TRL's trainer instead.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import PartialState
from peft import get_peft_model
from transformers import PreTrainedModel, TrainingArguments, set_seed
from trl.trainer.utils import disable_dropout_in_model

from training.engine import loop
from training.engine.context import RunContext, TaskResult
from training.engine.data import warnings_of
from training.engine.environment import environment
from training.engine.layout import can_share
from training.engine.logprobs import scoring_forward, token_logprobs
from training.engine.lora import check_targets, lora_config, merged
from training.engine.models import Loaded, load_policy, save_model
from training.engine.online import mapping
from training.engine.precision import arithmetic, learning_part
from training.engine.preferences.batches import Collator
from training.engine.preferences.degrees import (
    DegreeHead,
    degree_forward,
    tells_degrees,
)
from training.engine.preferences.examples import Encoder, Example
from training.engine.preferences.frozen import (
    Frozen,
    LiveModel,
    check_frozen,
    load_frozen,
    needed,
    part_of,
    run_frozen,
)
from training.engine.preferences.masks import TokenMasks, masked_forward
from training.engine.preferences.rows import Reader
from training.engine.preferences.trainer import (
    BESIDE,
    Positions,
    PreferenceTrainer,
)
from training.engine.registry import get
from training.engine.registry.algebra import MASKED, Objective
from training.engine.registry.preferences import LOSS_TYPES
from training.engine.spec import Spec
from training.engine.tasks import common, trl_dpo


def run(context: RunContext) -> TaskResult:
    """Train a policy; leave ``model/`` and its metrics."""
    if context.spec.backend == "trl":
        return trl_dpo.run(context)
    return _Run(context).run()


def settings_of(context: RunContext) -> Objective:
    """Return the method's row of the algebra."""
    if "loss_type" in context.params:
        return LOSS_TYPES[context.text("loss_type")]
    settings = get(context.spec.preset).settings
    assert isinstance(settings, Objective)
    return settings


@dataclass
class _Run:
    context: RunContext

    def run(self) -> TaskResult:
        context, spec = self.context, self.context.spec
        assert spec.data.train is not None
        preset = get(spec.preset)
        self.settings = settings_of(context)
        self.names = needed(self.settings, context)
        self.loaded = load_policy(learning_part(spec), seed=spec.seed)
        check_frozen(self.names, context, self.loaded)
        check_targets(spec.lora, self.loaded.model)
        max_length = common.usable_length(context, self.loaded)
        encoder = Encoder(self.loaded.tokenizer, max_length, self.settings.tokens)
        reader = Reader(preset, self.settings, context.params, encoder, spec.seed)
        reading = reader.read(spec.data.train)
        self.examples = reading.examples
        # Frozen models run before the trainer would move it.
        self.loaded.model.to(PartialState().device)
        context.control.check()
        kept = common.choose_rows(
            context, [example.length for example in self.examples], self._timed
        )
        start = loop.starting_point(context)
        shared = can_share(self.loaded.model)
        context.started(
            step=start.checkpoint.step if start.checkpoint else 0,
            rows={**reading.counts, "trained_on": len(kept.indices)},
            shortened={"rows": encoder.shortened, "max_length": max_length},
            subset=kept.summary(),
            template=self.loaded.template,
            frozen_models=self.names,
            shared_prompts=shared,
            environment=environment(self.loaded.model),
            **start.as_dict(*warnings_of(reading.counts)),
        )
        chosen = [self.examples[i] for i in kept.indices]
        masked = self.settings.tokens in MASKED
        before = not masked and context.flag("precompute_reference")
        frozen = run_frozen(
            context,
            self.loaded,
            self.settings,
            chosen,
            self.names if before else (),
        )
        live = {} if before or masked else self._live(self.loaded.model)
        trainer = self._trainer(self.loaded.model, chosen, frozen, live, {})
        if start.checkpoint is not None:
            trainer.go_on_from(start.checkpoint.path)
        context.control.check()
        callback = loop.RunCallback(context, deadline=common.deadline(context))
        state = loop.train(trainer, context, callback, start)
        assert trainer.model is not None
        vars(trainer.model).pop("forward", None)
        for name in BESIDE:
            trainer.model._modules.pop(name, None)
        model = merged(trainer.model)
        maps = self.settings.map == "rewrites"
        save_model(
            model,
            self.loaded.tokenizer,
            context.out / "model",
            notes=mapping.marks(max_length) if maps else None,
        )
        metrics = common.training_metrics(callback)
        metrics["rows/shortened"] = encoder.shortened
        if maps and spec.data.validation is not None:
            trained = Loaded(model, self.loaded.tokenizer, self.loaded.template)
            metrics |= mapping.copy_rates(
                mapping.Mapping(trained, max_length),
                spec.data.validation,
                pool=context.flag("pool_labels"),
                batch_size=2 * context.integer("batch_size"),
            )
        return TaskResult(
            step=state.global_step,
            metrics=metrics,
            model="model",
            subset=common.subset_report(kept, callback),
        )

    def _timed(self, chosen: Sequence[int], extra: dict[str, Any]) -> PreferenceTrainer:
        # The step that also runs frozen models is the slower one, so it is timed.
        model = copy.deepcopy(self.loaded.model)
        examples = [self.examples[i] for i in chosen]
        frozen = run_frozen(self.context, self.loaded, self.settings, examples, ())
        masked = self.settings.tokens in MASKED
        live = {} if masked else self._live(model)
        return self._trainer(model, examples, frozen, live, extra)

    def _frozen_model(self, name: str, policy: PreTrainedModel) -> PreTrainedModel:
        if part_of(name, self.context) is not None:
            return load_frozen(name, self.context, self.loaded)
        frozen = copy.deepcopy(policy)
        frozen.requires_grad_(False)
        return frozen.eval()

    def _live(self, policy: PreTrainedModel) -> dict[str, LiveModel]:
        """Return the frozen models as functions that run at every step."""
        spec = self.context.spec
        return {
            name: _runner(self._frozen_model(name, policy), spec) for name in self.names
        }

    def _trainer(
        self,
        model: PreTrainedModel,
        examples: Sequence[Example],
        frozen: Frozen,
        live: dict[str, LiveModel],
        extra: dict[str, Any],
    ) -> PreferenceTrainer:
        context = self.context
        arguments = loop.training_arguments(context) | extra
        del arguments["max_length"]
        disable_dropout_in_model(model)
        reference = None
        if self.settings.tokens in MASKED:
            reference = self._frozen_model("reference", model)
        adapters = lora_config(context.spec.lora, reward=False)
        trained: Any = model
        if adapters is not None:
            trained = get_peft_model(model, adapters)
            if arguments["gradient_checkpointing"]:
                trained.enable_input_require_grads()
        shared = can_share(model)
        degrees = self._degrees(model)
        if reference is not None:
            masked_forward(trained, reference, self._masks(reference))
        elif degrees is not None:
            degree_forward(trained, degrees)
        else:
            scoring_forward(trained)
        trainer = PreferenceTrainer(
            settings=self.settings,
            params=context.params,
            live=live,
            model=trained,
            args=TrainingArguments(**arguments, remove_unused_columns=False),
            train_dataset=Positions(len(examples)),
            data_collator=Collator(
                examples,
                frozen,
                pad_token_id=int(self.loaded.tokenizer.pad_token_id or 0),
                shared=shared,
                weighted=context.flag("use_weights"),
            ),
            processing_class=self.loaded.tokenizer,
        )
        trainer.row_order = loop.row_order(
            context,
            [e.shared_length if shared else e.length for e in examples],
            shuffled=not extra,
        )
        return trainer

    def _masks(self, reference: PreTrainedModel) -> TokenMasks | None:
        """Return masks that learn, drawn from the seed, if the method has such."""
        if self.settings.tokens != "masked":
            return None
        set_seed(self.context.spec.seed)
        config = reference.config
        return TokenMasks(
            int(config.hidden_size),
            int(config.num_hidden_layers),
            shared=self.context.text("masks") == "shared",
        ).to(reference.device)

    def _degrees(self, model: PreTrainedModel) -> DegreeHead | None:
        """Return a head that tells copies apart, if the method learns from such."""
        if not tells_degrees(self.settings, self.context.params):
            return None
        set_seed(self.context.spec.seed)
        width = int(model.config.get_text_config().hidden_size)
        head = DegreeHead(width, self.context.integer("degrees"))
        return head.to(model.device)


def _runner(model: PreTrainedModel, spec: Spec) -> LiveModel:
    def score(layout: Any) -> torch.Tensor:
        model.to(layout.ids.device)
        with arithmetic(spec, layout.ids.device):
            return token_logprobs(model, layout).float()

    return score
