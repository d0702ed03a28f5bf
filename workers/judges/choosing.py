"""Questions that are answered by one letter, and so by a probability for each.

Compare, choose, react, rate on few points, keep a principle or not. Where the model
tells log-probabilities, they are read from one call; else from repeated samples.
"""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from uuid import UUID

from annotation.judgments import Choose, Judgment, Principle, Rate, Reaction
from annotation.protocols.letters import letter
from annotation.protocols.questions import (
    ChooseQuestion,
    Common,
    CompareQuestion,
    PrincipleQuestion,
    RateQuestion,
    ReactionQuestion,
)
from annotation.services.judge_settings import JudgeSettings
from annotation.services.judging import as_compare
from workers.judges.base import Presented
from workers.judges.calls import Call, Reply
from workers.judges.instructions import ONE_LETTER, as_messages
from workers.judges.parsing import Unreadable, one_letter

LETTER_TOKENS = 4
EDGE = 1e-6
MOST_LETTERS = 26
VERDICTS = (
    ("yes", "it keeps it throughout"),
    ("no", "it breaks it"),
    ("partial", "it keeps it in some places and breaks it in others"),
    ("na", "the request gives no occasion for it"),
)
Shares = dict[str, float]
Choosing = Generator[list[Call], list[Reply], Shares]
Answering = Generator[list[Call], list[Reply], list[Judgment]]


@dataclass(frozen=True)
class Option:
    """Something to choose: what it stands for, and how it is worded."""

    value: str
    label: str


def choose(
    item: Presented,
    settings: JudgeSettings,
    text: str,
    options: Sequence[str],
    names: Sequence[int] | None = None,
) -> Choosing:
    """Ask for one of some letters; return the probability of each, summing to 1.

    Args:
        text: the question, the options in words included.
        options: the letters.

    Raises:
        Unreadable: when the model would rather say something else.
    """
    letters = tuple(options)
    ask = f"{text}\n{ONE_LETTER.format(letters=' or '.join(letters))}"
    messages = as_messages(item, ask, instructions=settings.instructions, names=names)

    def call(sample: int) -> Call:
        return Call(messages, LETTER_TOKENS, settings.temperature, letters, sample)

    replies = yield [call(0)]
    shares = replies[0].shares
    if shares is not None:
        return _of_shares(shares, letters, settings.min_mass, replies[0].text)
    if settings.samples > 1:
        replies = replies + (yield [call(n) for n in range(1, settings.samples)])
    return _of_votes([reply.text for reply in replies], letters)


def _of_shares(
    shares: dict[str, float] | object, letters: tuple[str, ...], least: float, raw: str
) -> Shares:
    assert isinstance(shares, dict)
    mass = sum(shares.get(each, 0.0) for each in letters)
    if mass < max(least, EDGE):
        raise Unreadable(
            f"The letters {', '.join(letters)} have {mass:.3f} of the probability "
            f"together; {least:g} is asked for.",
            raw,
        )
    held = {each: max(shares.get(each, 0.0) / mass, EDGE) for each in letters}
    whole = sum(held.values())
    return {each: share / whole for each, share in held.items()}


def _of_votes(texts: Sequence[str], letters: tuple[str, ...]) -> Shares:
    """Return shares of the replies that are a letter; half of them have to be.

    Each letter has half a vote ahead (Jeffreys), so that few samples are never sure.
    """
    votes: Counter[str] = Counter()
    reason = ""
    for text in texts:
        try:
            votes[one_letter(text, letters)] += 1
        except Unreadable as error:
            reason = error.reason
    if 2 * votes.total() < len(texts) or not votes:
        raise Unreadable(reason, "\n---\n".join(texts))
    whole = votes.total() + len(letters) / 2
    return {each: (votes[each] + 0.5) / whole for each in letters}


def worded(question: Common) -> str:
    """Return a question with its help, as a judge reads it."""
    return f"{question.text}\n{question.help}".strip()


def compare(
    question: CompareQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    """Which of two is better: the probability of A against B."""
    first, second = item.ids[:2]
    shares = yield from choose(
        item, settings, worded(question), ("A", "B"), names=(0, 1)
    )
    told, even = question.model_dump(mode="json"), settings.tie_within
    return [as_compare(told, first, second, shares["A"], even=even)]


def choose_category(
    question: ChooseQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    options = [
        Option(each.id, f"{each.label}. {each.description}".strip())
        for each in question.categories
    ]
    made: list[Judgment] = []
    for target, names in _targets(question.target, item):
        value, share = yield from _one(question, item, settings, options, names)
        said = _said(question, share)
        made.append(Choose.model_validate(said | {"target": target, "category": value}))
    return made


def react(
    question: ReactionQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    options = [Option(each.id, each.label) for each in question.signals]
    values = {each.id: each.value for each in question.signals}
    made: list[Judgment] = []
    for place, pk in enumerate(item.ids):
        signal, share = yield from _one(question, item, settings, options, (place,))
        made.append(
            Reaction(
                completion=pk,
                signal=signal,
                value=values[signal],
                question=question.id,
                criterion=question.criterion,
                confidence=share,
            )
        )
    return made


def rate(question: RateQuestion, item: Presented, settings: JudgeSettings) -> Answering:
    """A point of the scale, by its letter: the likeliest one."""
    options = points_of(question)
    made: list[Judgment] = []
    for place, pk in enumerate(item.ids):
        value, share = yield from _one(question, item, settings, options, (place,))
        made.append(
            Rate(
                completion=pk,
                value=None if value == "na" else float(value),
                scale=question.scale.id,
                question=question.id,
                criterion=question.criterion,
                confidence=share,
            )
        )
    return made


def points_of(question: RateQuestion) -> list[Option]:
    """Return a scale's points as options; none where it has too many for letters."""
    scale = question.scale
    if scale.points:
        found = [
            Option(str(each.value), f"{each.value:g}: {each.label}")
            for each in scale.points
        ]
    elif scale.step is None or scale.min is None or scale.max is None:
        return []
    else:
        count = int((scale.max - scale.min) / scale.step + 1e-6) + 1
        if count > MOST_LETTERS:
            return []
        values = [scale.min + place * scale.step for place in range(count)]
        found = [Option(str(value), f"{value:g}") for value in values]
    if scale.na:
        found.append(Option("na", "not applicable"))
    return found if len(found) <= MOST_LETTERS else []


def keep_principles(
    question: PrincipleQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    options = [Option(value, f"{value}: {label}") for value, label in VERDICTS]
    made: list[Judgment] = []
    for principle in question.principles:
        for place, pk in enumerate(item.ids):
            text = f"{worded(question)}\nThe principle: {principle.text}"
            verdict, share = yield from _one(
                question, item, settings, options, (place,), text
            )
            made.append(
                Principle.model_validate(
                    _said(question, share)
                    | {
                        "completion": pk,
                        "principle": principle.text,
                        "verdict": verdict,
                    }
                )
            )
    return made


def _one(
    question: Common,
    item: Presented,
    settings: JudgeSettings,
    options: Sequence[Option],
    names: Sequence[int] | None,
    text: str = "",
) -> Generator[list[Call], list[Reply], tuple[str, float]]:
    """Ask for one of the options; return its value and its share."""
    letters = [letter(place) for place in range(len(options))]
    about = ""
    if names is not None and len(names) == 1:
        about = f" It is about completion {letter(names[0])}."
    lines = [
        f"({each}) {option.label}"
        for each, option in zip(letters, options, strict=True)
    ]
    words = "\n".join([(text or worded(question)) + about, *lines])
    shares = yield from choose(item, settings, words, letters, names)
    best = max(letters, key=lambda each: shares[each])
    return options[letters.index(best)].value, round(shares[best], 6)


def _targets(
    target: str, item: Presented
) -> list[tuple[UUID | str, tuple[int, ...] | None]]:
    if target == "completion":
        return [(pk, (place,)) for place, pk in enumerate(item.ids)]
    return [(target, None if target == "task" else ())]


def _said(question: Common, share: float) -> dict[str, object]:
    return {
        "question": question.id,
        "criterion": question.criterion,
        "confidence": share,
    }
