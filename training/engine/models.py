"""Loading and saving models, whatever they come from.

Everything is loaded in the asked precision, gets a chat template and a pad token, and
is saved as an ordinary ``transformers`` directory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    BertModel,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    set_seed,
)

from training.engine import processes, tiny
from training.engine.compat import gguf_parsed_once
from training.engine.errors import FixableError
from training.engine.events import write_json
from training.engine.finite import finite_parameters
from training.engine.rendering import (
    check_template,
    ensure_chat_template,
    ensure_pad_token,
)
from training.engine.rewards.model import (
    RewardModel,
    has_head,
    load_head,
    save_head,
)
from training.engine.sources import Source, Staging, cached_conversion, resolve
from training.engine.spec import ModelPart

_HEADS = {"score", "classifier", "pre_classifier", "pooler"}
"""Names of heads, which a model that was trained for something else may lack."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer, ready to run.

    Attributes:
        template: where its chat template comes from: own, encoder or plain.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    template: str

    @property
    def is_encoder(self) -> bool:
        """True if the backbone reads both ways, as BERT does."""
        return self.template == "encoder" or bool(
            getattr(self.model.config, "type_vocab_size", 0)
        )

    @property
    def context(self) -> int:
        """The longest sequence the model can take, in tokens."""
        return int(getattr(self.model.config, "max_position_embeddings", 1 << 20))


def placed(loaded: Loaded) -> Loaded:
    """Return a model on this process's accelerator, if there is one."""
    module: torch.nn.Module = loaded.model
    module.to(PartialState().device)
    return loaded


def load_policy(part: ModelPart, *, seed: int = 0) -> Loaded:
    """Load a causal language model.

    Raises:
        FixableError: if the source is no causal language model, or has weights that
            are no numbers.
    """
    source = resolve(part.source)
    set_seed(seed)
    tokenizer = policy_tokenizer(part)
    if source.kind == "tiny":
        model: PreTrainedModel = LlamaForCausalLM(tiny.causal_config(tokenizer))
        _cast(model, part)
    else:
        model, _ = _weights(AutoModelForCausalLM, _local(source), part)
    return _ready(model, tokenizer, part.source)


def policy_tokenizer(part: ModelPart) -> PreTrainedTokenizerFast:
    """Return a causal language model's tokenizer, its weights unread.

    Raises:
        FixableError: if the source is no causal language model.
    """
    source = resolve(part.source)
    if source.kind == "tiny":
        if source.location != "causal":
            raise _not_a_policy(part.source)
        return tiny.build_tokenizer(encoder=False)
    location = _local(source)
    config = _try(AutoConfig.from_pretrained, location, part.source)
    if getattr(config, "type_vocab_size", 0):
        raise _not_a_policy(part.source)
    found: PreTrainedTokenizerFast = _try(
        AutoTokenizer.from_pretrained, location, part.source
    )
    return found


def load_reward(part: ModelPart, *, seed: int = 0, is_trained: bool = False) -> Loaded:
    """Load a model with one output per sequence; a missing head is drawn from ``seed``.

    Args:
        is_trained: refuse a model without a head of its own, whose scores would be
            noise; the recipes for tests excepted.

    Raises:
        FixableError: if the source cannot carry a reward head.
    """
    source = resolve(part.source)
    set_seed(seed)
    if has_head(source.location):
        return _with_head(source.location, part)
    if source.kind == "tiny":
        encoder = source.location == "encoder"
        tokenizer = tiny.build_tokenizer(encoder=encoder)
        model: PreTrainedModel
        if encoder:
            bert = tiny.encoder_config(tokenizer)
            bert.num_labels = 1
            model = BertForSequenceClassification(bert)
        else:
            llama = tiny.causal_config(tokenizer)
            llama.num_labels = 1
            model = LlamaForSequenceClassification(llama)
        _cast(model, part)
    else:
        location = _local(source)
        tokenizer = _try(AutoTokenizer.from_pretrained, location, part.source)
        model, missing = _weights(
            AutoModelForSequenceClassification, location, part, num_labels=1
        )
        if is_trained and missing:
            raise FixableError(
                f"{part.source!r} is no reward model.",
                expected="a model that was trained to score, with its head",
                found=f"no weights for {', '.join(sorted(missing)[:3])}",
                fix="Train a reward model from it first, and give that one's model/.",
                field="model.source",
            )
    return _ready(model, tokenizer, part.source)


def _with_head(location: str, part: ModelPart) -> Loaded:
    tokenizer = _try(AutoTokenizer.from_pretrained, location, part.source)
    model = load_head(Path(location), DTYPES[part.dtype])
    return _ready(model, tokenizer, part.source)


def load_backbone(part: ModelPart, *, seed: int = 0) -> Loaded:
    """Load a model without any head, to put one of ours on.

    Raises:
        FixableError: if the source cannot be read.
    """
    source = resolve(part.source)
    set_seed(seed)
    model: PreTrainedModel
    if source.kind == "tiny":
        encoder = source.location == "encoder"
        tokenizer = tiny.build_tokenizer(encoder=encoder)
        if encoder:
            model = BertModel(tiny.encoder_config(tokenizer))
        else:
            model = LlamaModel(tiny.causal_config(tokenizer))
        _cast(model, part)
    else:
        location = _local(source)
        tokenizer = _try(AutoTokenizer.from_pretrained, location, part.source)
        model, _ = _weights(AutoModel, location, part)
    return _ready(model, tokenizer, part.source)


def _cast(model: torch.nn.Module, part: ModelPart) -> None:
    model.to(dtype=DTYPES[part.dtype])


def _ready(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str
) -> Loaded:
    if getattr(model, "_hf_peft_config_loaded", False):
        # Its base is wherever the adapter says, which nobody has looked at.
        raise FixableError(
            "The model is an adapter on another one.",
            expected="a whole model",
            found="adapter_config.json",
            fix="Merge the adapter into its base and save that.",
            field="model.source",
        )
    finite_parameters(model.named_parameters(), source)
    ensure_pad_token(tokenizer)
    template = ensure_chat_template(tokenizer)
    check_template(tokenizer, source)
    _check_tokens(model, tokenizer, source)
    model.config.pad_token_id = tokenizer.pad_token_id
    generation = getattr(model, "generation_config", None)
    if generation is not None:
        generation.pad_token_id = tokenizer.pad_token_id
    return Loaded(model, tokenizer, template)


def _check_tokens(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str
) -> None:
    """Refuse a tokenizer with tokens that the model has no embedding of."""
    embeddings: Any = model.get_input_embeddings()
    known = int(embeddings.weight.shape[0])
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest < known:
        return
    raise FixableError(
        f"The tokenizer of {source!r} is not this model's.",
        expected=f"tokens up to number {known - 1}, as the model has embeddings",
        found=f"token number {highest}, {tokenizer.convert_ids_to_tokens(highest)!r}",
        fix="Give the model its own tokenizer, or resize its embeddings.",
        field="model.source",
    )


def _local(source: Source) -> str:
    if source.kind != "gguf":
        return source.location
    return str(convert_gguf(Path(source.location)))


def convert_gguf(gguf: Path) -> Path:
    """Return a ``transformers`` directory with the file's weights in float32.

    The conversion is cached, so only the first load pays for it. The loaded model
    still carries marks of its quantisation, which forbid saving; weights and
    configuration are therefore moved to a model that never had them.

    Raises:
        FixableError: if the file is no model that ``transformers`` can read.
    """
    target = cached_conversion(gguf)
    if (target / "config.json").is_file():
        return target
    folder, name = str(gguf.parent), gguf.name
    with gguf_parsed_once():
        tokenizer = _try(
            AutoTokenizer.from_pretrained, folder, str(gguf), gguf_file=name
        )
        marked = _try(
            AutoModelForCausalLM.from_pretrained,
            folder,
            str(gguf),
            gguf_file=name,
            dtype=torch.float32,
        )
    ensure_pad_token(tokenizer)
    config = marked.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.pad_token_id = tokenizer.pad_token_id
    # Made without memory of its own: it takes the loaded weights over.
    with torch.device("meta"):
        clean = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    clean.load_state_dict(marked.state_dict(), assign=True)
    clean.tie_weights()
    clean.generation_config = marked.generation_config
    clean.generation_config.pad_token_id = tokenizer.pad_token_id
    staging = Staging(target)
    try:
        clean.save_pretrained(staging.path)
        tokenizer.save_pretrained(staging.path)
        staging.publish()
    finally:
        staging.discard()
    return target


def save_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    target: Path,
    *,
    notes: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write a complete model directory; a reader never sees half of one.

    Of several processes with the same weights, the first alone writes.

    Args:
        notes: what else is said of the model, by the name of a JSON file.
    """
    if not processes.is_main():
        return
    staging = Staging(target)
    try:
        if isinstance(model, RewardModel):
            save_head(model, staging.path)
        else:
            model.save_pretrained(staging.path)
        tokenizer.save_pretrained(staging.path)
        for name, told in (notes or {}).items():
            write_json(staging.path / name, told)
        staging.publish(replace=True)
    finally:
        staging.discard()


def parameter_bytes(model: torch.nn.Module) -> int:
    """Return the memory the model's parameters take."""
    return sum(p.numel() * p.element_size() for p in model.parameters())


def _try(load: Callable[..., Any], location: str, source: str, **kwargs: Any) -> Any:
    try:
        # Said outright: where nothing is said, transformers asks at the terminal.
        return load(location, trust_remote_code=False, **kwargs)
    except Exception as error:
        # Readers of foreign files raise whatever the damage leads them to.
        raise FixableError(
            f"The model {source!r} could not be loaded.",
            expected="a model that transformers can read, with its tokenizer",
            found=f"{type(error).__name__}: {str(error)[:500]}",
            fix="Check the files. A hub id needs a network, or a copy that was "
            "downloaded before; a directory needs config, weights and tokenizer.",
            field="model.source",
        ) from error


def _weights(
    auto: Any, location: str, part: ModelPart, **settings: Any
) -> tuple[PreTrainedModel, list[str]]:
    """Return a model, and the weights of heads that its files lack.

    Raises:
        FixableError: if they lack others, which would be drawn at random unnoticed.
    """
    model, told = _try(
        auto.from_pretrained,
        location,
        part.source,
        dtype=DTYPES[part.dtype],
        output_loading_info=True,
        **settings,
    )
    missing = sorted(told["missing_keys"])
    others = [name for name in missing if not _HEADS & set(name.split("."))]
    if others:
        raise FixableError(
            f"The model {part.source!r} lacks weights.",
            expected="weights for every layer that config.json describes",
            found=f"none for {', '.join(others[:3])}, {len(others)} in all",
            fix="Copy the whole model again; it may have been cut short.",
            field="model.source",
        )
    return model, missing


def _not_a_policy(source: str) -> FixableError:
    return FixableError(
        f"{source!r} cannot write completions.",
        expected="a causal language model",
        found="an encoder",
        fix="Choose a causal model such as wheel:smollm2; encoders serve as reward "
        "models.",
        field="model.source",
    )
