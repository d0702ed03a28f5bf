"""How a judge is asked: its settings, typed, with the reasons for their limits."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from annotation.errors import InvalidInput
from annotation.judgments import Strict
from annotation.models import Judge
from annotation.services.judge_endpoints import base_url
from annotation.services.judging import EVEN
from annotation.wording import problems_of
from config.env import JUDGE_KEYS

# A judge may name secrets of this prefix alone: never the database's or Hone's own.


def _key_name(name: str) -> str:
    if name and not re.fullmatch(JUDGE_KEYS + r"[A-Z0-9_]{1,60}", name):
        raise ValueError(f"should be the name of a variable {JUDGE_KEYS}…, not a key")
    return name


def _url(url: str) -> str:
    return base_url(url) if url else url


class JudgeSettings(Strict):
    """What is particular to a way of asking; accounts are columns of the judge.

    Attributes:
        url: an endpoint's address up to and with /v1.
        model: what the endpoint calls the model.
        key: the environment variable that holds the endpoint's key.
        logprobs: ask the endpoint for log-probabilities; off where it has none.
        samples: replies to a question where it gives no log-probabilities.
        temperature: of those replies.
        max_tokens: of a reply in words.
        timeout_seconds: for one try, from connecting to the last byte.
        tries: of one call, with growing pauses between.
        per_minute: calls a minute at most.
        method: ask directly, or write a rubric first and apply it (Auto-Rubric).
        instructions: what counts, in the researcher's words.
        principle: what a principle reward model is asked about in comparisons.
        min_mass: the least probability on the offered letters together; below it the
            judge would have said something else, and abstains.
        on_change: when the endpoint says that it runs another model: stop, or go on
            as a new actor.
        tie_within: this close to even it calls a tie, where the question offers one.
        dissent: a panel escalates where the smaller side holds more of its weight.
    """

    url: Annotated[str, Field(max_length=300), AfterValidator(_url)] = ""
    model: Annotated[str, Field(max_length=200)] = ""
    key: Annotated[str, AfterValidator(_key_name)] = ""
    logprobs: bool = True
    samples: int = Field(5, ge=1, le=50)
    temperature: float = Field(1.0, ge=0, le=2)
    max_tokens: int = Field(512, ge=1, le=32_000)
    timeout_seconds: float = Field(60, gt=0, le=600)
    tries: int = Field(5, ge=1, le=20)
    per_minute: int | None = Field(None, ge=1, le=1_000_000)
    method: Literal["direct", "rubric"] = "direct"
    instructions: Annotated[str, Field(max_length=10_000)] = ""
    principle: Annotated[str, Field(max_length=2000)] = ""
    min_mass: float = Field(0.5, ge=0, le=1)
    on_change: Literal["stop", "new_actor"] = "stop"
    tie_within: float = Field(EVEN, ge=0, le=0.5)
    dissent: float = Field(0.2, ge=0, le=0.5)


def settings_of(judge: Judge) -> JudgeSettings:
    """Return a judge's settings."""
    return parse_settings(judge.settings)


def parse_settings(raw: Mapping[str, Any]) -> JudgeSettings:
    """Read settings.

    Raises:
        InvalidInput: with path and finding of each bad field.
    """
    try:
        return JudgeSettings.model_validate(dict(raw))
    except ValidationError as error:
        problems = problems_of(error)
        for each in problems:
            # Somebody may have given a key where its name is asked: it is not told.
            if each["path"].endswith("key"):
                each["value"] = "…"
        raise InvalidInput(
            "The judge cannot be set up like this.",
            expected="settings as docs/judges.md describes them",
            found=f"{problems[0]['path']} {problems[0]['message']}",
            fix="Mend the fields named below and save again.",
            fields=problems,
        ) from error
