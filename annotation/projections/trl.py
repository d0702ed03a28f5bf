"""The pairs view in TRL's preference format, standard and conversational.

Conversational rows are exact. Standard rows are texts: a prompt of one user message
is its content and a completion of one assistant turn likewise; longer chats become a
transcript, which cannot always be read back.

Source: TRL's dataset formats, preference with explicit prompt.
"""

from typing import Any, Literal

from annotation.projections.rows import Messages, PairRow

Shape = Literal["rows", "trl", "trl-conversational"]
NAMES = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def conversational(row: PairRow) -> dict[str, Any]:
    """Return a row as lists of messages."""
    return {
        "prompt": [_turn(message) for message in row.prompt],
        "chosen": [_turn(message) for message in row.chosen],
        "rejected": [_turn(message) for message in row.rejected],
    }


def standard(row: PairRow) -> dict[str, Any]:
    """Return a row as texts."""
    return {
        "prompt": prompt_text(row.prompt),
        "chosen": completion_text(row.chosen),
        "rejected": completion_text(row.rejected),
    }


def prompt_text(messages: Messages) -> str:
    """Return a prompt as text: one user message as it is, more as a transcript."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return f"{_transcript(messages)}\n\nAssistant: "


def completion_text(messages: Messages) -> str:
    """Return a completion as text; its first turn goes on where the prompt ends."""
    first, rest = messages[0]["content"], messages[1:]
    return f"{first}\n\n{_transcript(rest)}" if rest else first


def _turn(message: Any) -> dict[str, str]:
    return {"role": message["role"], "content": message["content"]}


def _transcript(messages: Messages) -> str:
    return "\n\n".join(
        f"{NAMES.get(item['role'], item['role'])}: {item['content']}"
        for item in messages
    )


def trl_schema(shape: Shape, *, margins: bool) -> Any:
    """Return the Arrow schema of a shape."""
    import pyarrow as pa

    chat = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    kind = pa.string() if shape == "trl" else chat
    columns = [(name, kind) for name in ("prompt", "chosen", "rejected")]
    return pa.schema(columns + ([("margin", pa.float64())] if margins else []))
