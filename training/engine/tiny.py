"""Tiny randomly initialised models with a tokenizer, built on the spot for tests."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BertConfig, LlamaConfig, PreTrainedTokenizerFast

from training.engine.rendering import ENCODER_TEMPLATE

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
CLS, SEP = "[CLS]", "[SEP]"

CHATML_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

_SAMPLE = (
    "the quick answer is short and the long answer is clear because it says why",
    "please write a kind letter to my friend about the weather and the garden",
    "how do I sort a list of numbers in python and print each one on a line",
    "a good reply is polite, true and useful; a bad reply is rude or wrong",
    "first add two and three, then take away one, and you will have four",
    "I am sorry, I cannot help with that, but here is something that is safe",
)

_CONTEXT = 1024


def build_tokenizer(*, encoder: bool) -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer of about 450 tokens that can spell any text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=450,
        special_tokens=[PAD, START, END, CLS, SEP],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_SAMPLE, trainer)
    special = (
        {"cls_token": CLS, "sep_token": SEP, "eos_token": SEP}
        if encoder
        else {"bos_token": START, "eos_token": END}
    )
    built = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        model_max_length=_CONTEXT,
        clean_up_tokenization_spaces=False,
        **special,
    )
    built.chat_template = ENCODER_TEMPLATE if encoder else CHATML_TEMPLATE
    return built


def causal_config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """Return a two-layer Llama of about 0.1 million parameters."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=_CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def encoder_config(tokenizer: PreTrainedTokenizerFast) -> BertConfig:
    """Return a two-layer BERT of about 0.1 million parameters."""
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=_CONTEXT,
        pad_token_id=tokenizer.pad_token_id,
    )
