"""What is said about texts: span, missing, principle, text."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from annotation.judgments import Missing, Principle, Span, WrittenText
from annotation.protocols.checks.common import (
    Asked,
    Given,
    Problem,
    bad_refs,
    each_completion,
    lacks,
    once_each,
    sha_of,
    wanted,
)
from annotation.protocols.questions import (
    MissingQuestion,
    PrincipleQuestion,
    SpanQuestion,
    TextQuestion,
)


def check_span(
    question: SpanQuestion, given: Sequence[Given[Span]], asked: Asked
) -> Iterator[Problem]:
    """Stretches inside the right text, as it stands, by the rule of overlaps."""
    if question.required and not given:
        yield lacks(question, "needs at least one marked stretch of text")
    categories = [category.id for category in question.categories]
    severities = [severity.id for severity in question.severities]
    sound: list[Given[Span]] = []
    for each in given:
        span = each.judgment
        problems = list(_misplaced(question, each, asked))
        if not problems:
            sound.append(each)
        yield from problems
        if span.category not in categories:
            yield each.problem("category", f"should be {' or '.join(categories)}")
        if severities and span.severity not in severities:
            yield each.problem(
                "severity", f"should be {' or '.join(severities)}", span.severity or ""
            )
        if not severities and span.severity is not None:
            yield each.problem(
                "severity", "is not asked by this question; leave it out"
            )
        # It may lean on an earlier span too, by `targets`.
        leans = span.refs or (question.refs == "required" and span.targets)
        yield from wanted(question, each, question.refs, "refs", bool(leans))
        yield from bad_refs(each, "refs", span.refs, asked)
        has_replacement = span.replacement is not None
        yield from wanted(
            question, each, question.replacement, "replacement", has_replacement
        )
        has_note = bool((span.note or "").strip())
        yield from wanted(question, each, question.note, "note", has_note)
    yield from _overlaps(question, sound)


def _misplaced(
    question: SpanQuestion, each: Given[Span], asked: Asked
) -> Iterator[Problem]:
    span = each.judgment
    if span.target != question.target:
        yield each.problem("target", f"should be {question.target}")
        return
    if span.target == "passage":
        passage = asked.by_doc.get(span.passage or "")
        if passage is None:
            known = ", ".join(asked.by_doc) or "none, the task has no passages"
            yield each.problem(
                "passage", f"is no passage here; there are {known}", span.passage or ""
            )
            return
        text = passage.text
    else:
        messages = asked.texts(span.completion)
        if span.message >= len(messages):
            yield each.problem("message", f"should be below {len(messages)}")
            return
        text = str(messages[span.message]["content"])
    if span.end > len(text):
        yield each.problem(
            "end", f"is outside the text, which has {len(text)} characters"
        )
    if span.start >= span.end:
        yield each.problem("start", "marks no text; it should be below end")
    sha = sha_of(text)
    if span.text_sha != sha:
        yield each.problem(
            "text_sha",
            "is not that of the text as it stands, so the place may have moved; "
            f"mark it again (expected {sha})",
        )


def _overlaps(
    question: SpanQuestion, given: Sequence[Given[Span]]
) -> Iterator[Problem]:
    if question.overlap == "allow":
        return
    by_text = defaultdict(list)
    for each in given:
        span = each.judgment
        by_text[span.completion, span.passage, span.message].append(each)
    only = " of another category" if question.overlap == "same_category" else ""
    for those in by_text.values():
        before: list[Given[Span]] = []
        for each in sorted(those, key=lambda each: each.judgment.start):
            span = each.judgment
            before = [other for other in before if other.judgment.end > span.start]
            clash = [
                other
                for other in before
                if not only or other.judgment.category != span.category
            ]
            if clash:
                other = clash[0].judgment
                yield each.problem(
                    "start",
                    f"shares characters with the span{only} from {other.start} to "
                    f"{other.end}; shorten one of them",
                    [span.start, span.end],
                )
            before.append(each)


def check_missing(
    question: MissingQuestion, given: Sequence[Given[Missing]], asked: Asked
) -> Iterator[Problem]:
    """What is missing, by category, with the places that say it."""
    if question.required and not given:
        yield lacks(question, "needs an answer")
    categories = [category.id for category in question.categories]
    for each in given:
        missing = each.judgment
        if missing.category not in categories:
            yield each.problem("category", f"should be {' or '.join(categories)}")
        yield from wanted(question, each, question.refs, "refs", bool(missing.refs))
        yield from bad_refs(each, "refs", missing.refs, asked)
        has_text = bool((missing.text or "").strip())
        yield from wanted(question, each, question.note, "text", has_text)


def check_principle(
    question: PrincipleQuestion, given: Sequence[Given[Principle]], asked: Asked
) -> Iterator[Problem]:
    """A verdict on each listed principle of each completion, with its evidence."""
    listed = [principle.text for principle in question.principles]
    for each in given:
        said = each.judgment
        if said.principle not in listed and not question.open:
            yield each.problem("principle", "is not one of the principles asked about")
        # What does not apply has no place to point at.
        spared = said.verdict == "na" and question.evidence == "required"
        rule = "optional" if spared else question.evidence
        yield from wanted(question, each, rule, "evidence", bool(said.evidence))
        yield from bad_refs(each, "evidence", said.evidence, asked)
        quotes = [part for part in said.evidence if isinstance(part, str)]
        if quotes:
            yield from _not_quoted(each, quotes, asked)
    yield from once_each(
        given,
        lambda said: (said.completion, said.principle.casefold().strip()),
        "principle",
        "has more than one verdict for the same completion",
    )
    if not question.required:
        return
    judged = {(e.judgment.completion, e.judgment.principle) for e in given}
    for principle in listed:
        without = [c for c in asked.completions if (c, principle) not in judged]
        if without:
            yield lacks(
                question, f"needs a verdict on {principle!r} for {asked.names(without)}"
            )


def _not_quoted(
    each: Given[Principle], quotes: Sequence[str], asked: Asked
) -> Iterator[Problem]:
    messages = asked.texts(each.judgment.completion)
    text = " ".join(" ".join(str(m["content"]) for m in messages).split())
    for quote in quotes:
        if not quote.strip() or " ".join(quote.split()) not in text:
            yield each.problem(
                "evidence",
                f"is not in {asked.name(each.judgment.completion)}; quote its words",
                quote,
            )


def check_text(
    question: TextQuestion, given: Sequence[Given[WrittenText]], asked: Asked
) -> Iterator[Problem]:
    """A text of the right length, of the task or of each completion."""
    for each in given:
        text = each.judgment
        size = len(text.content.strip())
        if text.role != question.role:
            yield each.problem("role", f"should be {question.role}")
        if (text.completion is None) != (question.per == "task"):
            yield each.problem(
                "completion",
                "should be null: the text is about the whole task"
                if question.per == "task"
                else "should name the completion that the text is about",
                text.completion or "",
            )
        if size == 0:
            yield each.problem("content", "is empty; write it or leave it out")
        elif size < question.min_chars:
            yield each.problem(
                "content",
                f"is too short: {size} characters, "
                f"at least {question.min_chars} wanted",
            )
        if question.max_chars is not None and size > question.max_chars:
            yield each.problem(
                "content",
                f"is too long: {size} characters, at most {question.max_chars} wanted",
            )
    yield from once_each(
        given, lambda text: text.completion, "content", "is given more than once"
    )
    if question.per == "completion":
        named = {e.judgment.completion for e in given}
        yield from each_completion(question, asked, {c for c in named if c is not None})
    elif question.required and not given:
        yield lacks(question, "needs a text")
