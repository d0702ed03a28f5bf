"""The page of an evaluation: what its report says, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.engine.evaluate.pages import document as html
from training.engine.evaluate.pages import policy, svg

Report = Mapping[str, Any]

BASELINES = {
    "longer": "longer wins",
    "formatted": "more formatting wins",
    "style": "looks, a linear model",
    "tfidf": "words, a linear model",
}


def report_page(report: Report, *, title: str) -> str:
    """Return an evaluation's page.

    Args:
        report: what ``report.json`` holds. What it lacks is left out.
    """
    if report.get("role") == "policy":
        intro, parts = "A policy, beside its reference.", policy.sections(report)
    else:
        intro, parts = "A reward model on held-out comparisons.", _reward(report)
    parts = [_method(report.get("method") or {}), *parts, _samples(report)]
    return html.page(f"Evaluation of {title}", intro, parts)


def _method(found: Mapping[str, str]) -> str:
    """Return which method made the model, and what a reader must know of it."""
    if not found:
        return ""
    return html.section(
        "How it was made",
        html.words(f"{found['title']} ({found['preset']}).", ""),
        html.words(found["caution"], "strong") if found["caution"] else "",
    )


def _reward(report: Report) -> list[str]:
    return [
        _accuracy(report),
        *(_suite(report["suite"]) if "suite" in report else []),
        *(_tags(name, found) for name, found in report.get("by_tag", {}).items()),
        _calibration(report),
        _distance(report),
        _factors(report),
    ]


def bar(label: str, found: Mapping[str, float], *, rival: bool = False) -> svg.Bar:
    """Return a report's number with its interval as a row of a plot."""
    return svg.Bar(label, found["value"], found["low"], found["high"], rival)


def _accuracy(report: Report) -> str:
    rivals = report.get("baselines", {})
    bars = [bar("this model", report["accuracy"])]
    bars += [
        bar(BASELINES.get(name, name), found["accuracy"], rival=True)
        for name, found in rivals.items()
    ]
    lost = [BASELINES.get(n, n) for n, found in rivals.items() if not found["beaten"]]
    if not rivals:
        verdict = ""
    elif lost:
        verdict = f"It does not clearly beat: {', '.join(lost)}."
    else:
        verdict = "It beats every baseline: no interval of a difference holds 0."
    unit = "the texts" if report.get("resampled") == "texts" else "the prompt groups"
    return html.section(
        "Accuracy",
        html.words(verdict, "strong") if verdict else "",
        svg.intervals(bars, "accuracy of the model and of its baselines"),
        html.words(
            f"{report['pairs']} pairs, 95 % intervals from resampling {unit}. Equal "
            "scores count half. The baselines see looks or words alone.",
            "soft",
        ),
        html.table(
            ["the model minus", "difference"],
            [
                [BASELINES.get(n, n), html.interval_words(found["difference"])]
                for n, found in rivals.items()
            ],
        ),
    )


def _suite(found: Mapping[str, Any]) -> list[str]:
    bars = [bar(name, number) for name, number in found["measures"].items()]
    rivals = found.get("baselines", {})
    return [
        html.section(
            found["title"],
            html.words(f"{found['cases']} cases. {found['source']}.", "soft"),
            svg.intervals(bars, f"{found['title']} by part"),
            html.table(
                ["baseline", *found["measures"]],
                [
                    [
                        BASELINES.get(rival, rival),
                        *(
                            numbers.get(name, {}).get("value")
                            for name in found["measures"]
                        ),
                    ]
                    for rival, numbers in rivals.items()
                ],
            ),
        )
    ]


def _tags(column: str, found: Mapping[str, Any]) -> str:
    worst = found["worst"]
    said = ""
    if worst is not None:
        said = html.words(
            f"Worst of {worst['groups']}: {worst['tag']}, "
            f"{html.interval_words(worst['accuracy'])} on {worst['pairs']} pairs. The "
            "interval is of the lowest group, whichever it is.",
            "strong",
        )
    bars = [
        bar(f"{row['tag']} ({row['pairs']})", row["accuracy"])
        for row in found["values"]
    ]
    left = found["left_out"]
    return html.section(
        f"By {column.replace('_', ' ')}",
        said,
        svg.intervals(bars, f"accuracy by {column}"),
        html.words(f"{left} rarer values are not shown.", "soft") if left else "",
    )


def _calibration(report: Report) -> str:
    rows = [row for row in report.get("reliability", []) if row["count"]]
    told = report.get("calibration")
    if not rows or told is None:
        return ""
    after = [row for row in told["after"]["reliability"] if row["count"]]
    series = [
        svg.Series(name, [(row["confidence"], row["accuracy"]) for row in of])
        for name, of in (("as it is", rows), ("divided by a temperature", after))
    ]
    heat = told["temperature"]
    if report["ece"] <= told["ece_by_chance"]:
        way = "no more off than chance makes it"
    else:
        way = "too sure of itself" if heat > 1 else "not sure enough of itself"
    return html.section(
        "Calibration",
        html.words(
            f"Expected calibration error {svg.number(report['ece'])}; a perfectly "
            f"calibrated model would show {svg.number(told['ece_by_chance'])} on as "
            f"many pairs. Fitted temperature {svg.number(heat)}: the model is {way}. "
            f"After it, fitted on the other half, {svg.number(told['after']['ece'])}.",
            "strong",
        ),
        svg.curves(
            series,
            "accuracy by confidence",
            x_label="mean confidence of the bin",
            y_label="share that was right",
            diagonal=True,
            box=(0.5, 1.0, 0.0, 1.0),
        ),
        html.table(
            ["from", "to", "pairs", "confidence", "right"],
            [
                [r["low"], r["high"], r["count"], r["confidence"], r["accuracy"]]
                for r in rows
            ],
        ),
    )


def _distance(report: Report) -> str:
    found = report.get("distance")
    if not found:
        return ""
    return html.section(
        "Distance to another reward model",
        html.words(
            f"STARC distance {svg.number(found['starc'])} to {found['other']} on "
            f"{found['completions']} completions: 0 ranks each prompt's answers alike, "
            "1 is the opposite. Its definition is from memory, checked by its "
            "invariances.",
        ),
    )


def _factors(report: Report) -> str:
    found = report.get("factors")
    if not found:
        return ""
    rows = found["rows"]
    bars = [bar(row["factor"], row["people"]) for row in rows]
    bars += [bar(f"{row['factor']}, model", row["model"], rival=True) for row in rows]
    order = [
        b
        for pair in zip(bars[: len(rows)], bars[len(rows) :], strict=True)
        for b in pair
    ]
    return html.section(
        "What moves the verdicts",
        html.words(
            f"Rank correlation of the two: {svg.number(found['alignment'])}.", "strong"
        ),
        svg.intervals(order, "concordance of looks with verdicts", low=-1.0, high=1.0),
        html.words(found["caution"], "soft"),
        html.table(
            ["factor", "weight for people", "weight for the model"],
            [[r["factor"], r["people_weight"], r["model_weight"]] for r in rows],
        ),
        html.words(
            f"Correlation of the weights: {svg.number(found['similarity'])}.", "soft"
        ),
    )


def _samples(report: Report) -> str:
    samples: Sequence[Mapping[str, Any]] = report.get("samples") or []
    parts = []
    for sample in samples:
        for name, value in sample.items():
            parts.append(html.words(name.replace("_", " "), "soft"))
            text = svg.number(value) if isinstance(value, int | float) else str(value)
            parts.append(html.quoted(text))
        parts.append(html.words(""))
    title = "Answers" if report.get("role") == "policy" else "Most wrong"
    return html.section(title, *parts)
