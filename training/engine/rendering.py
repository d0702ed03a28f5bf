"""How chat messages become text: a model's own chat template, or a plain one.

The template is a property of the tokenizer and is saved with the model, so a reward
model scores text in exactly the form it was trained on.
"""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

from training.engine.errors import FixableError

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{{ message['role'] + ': ' + message['content'] + eos_token + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
"""For causal models without a template: a role tag, the text, end of sequence."""

ENCODER_TEMPLATE = (
    "{{ cls_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ 'system: ' }}{% endif %}"
    "{{ message['content'] + sep_token }}"
    "{% endfor %}"
)
"""For encoders: turns between separators, the order telling who speaks."""


def ensure_chat_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """Give the tokenizer a chat template if it has none; return which one it has."""
    if tokenizer.chat_template:
        return "own"
    if tokenizer.cls_token and tokenizer.sep_token:
        tokenizer.chat_template = ENCODER_TEMPLATE
        return "encoder"
    tokenizer.chat_template = PLAIN_TEMPLATE
    return "plain"


def check_template(tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Refuse a chat template that fails, or that says nothing of what was said.

    Raises:
        FixableError: with what the template did.
    """
    asked = [{"role": "user", "content": "apple"}]
    try:
        texts = [
            tokenizer.apply_chat_template(
                [*asked, {"role": "assistant", "content": word}], tokenize=False
            )
            for word in ("pear", "plum")
        ]
        why = "two answers that read the same" if texts[0] == texts[1] else ""
    except Exception as error:
        # Templates are programs of whoever wrote the model's files.
        why = f"{type(error).__name__}: {str(error)[:300]}"
    if why:
        raise FixableError(
            f"The chat template of {source!r} cannot be used.",
            expected="a question and its answer as text",
            found=why,
            fix="Correct chat_template in the model's directory; without one, a plain "
            "template serves, which needs an eos_token.",
            field="model.source",
        )


def ensure_pad_token(tokenizer: PreTrainedTokenizerBase) -> None:
    """Make padding distinguishable from the end of a sequence where possible.

    A pad token equal to the end-of-sequence token hides where a completion ends.
    Vocabularies usually hold an unused special token that can pad instead.
    """
    if tokenizer.pad_token and tokenizer.pad_token != tokenizer.eos_token:
        return
    vocabulary = tokenizer.get_vocab()
    for candidate in ("<|pad|>", "<pad>", "[PAD]", "<|endoftext|>", "<unk>"):
        if candidate in vocabulary and candidate != tokenizer.eos_token:
            tokenizer.pad_token = candidate
            return
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
