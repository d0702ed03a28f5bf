"""The parts of a policy's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.engine.evaluate.pages import document as html
from training.engine.evaluate.pages import svg

Report = Mapping[str, Any]

WAYS = {
    "implied": "implied reward",
    "policy": "likelihood",
    "per_token": "likelihood a token",
    "reference": "reference's likelihood",
    "reference_per_token": "reference's, a token",
    "ideal": "the best DPO could reach",
}


def sections(report: Report) -> list[str]:
    """Return a policy's parts; what was not measured is left out."""
    return [
        _wins(report),
        *(_ranking(split, report) for split in ("test", "train")),
        _kl(report),
        _best_of_n(report),
        _attributes(report),
        _tripwires(report),
    ]


def _bar(label: str, found: Mapping[str, float], *, rival: bool = False) -> svg.Bar:
    return svg.Bar(label, found["value"], found["low"], found["high"], rival)


def _wins(report: Report) -> str:
    win = report.get("win")
    if not win:
        return ""
    bars = [_bar("win rate", win["win_rate"])]
    told = []
    if controlled := win.get("length_controlled"):
        bars.append(_bar("at equal length", controlled["win_rate"]))
        told.append(
            html.words(
                f"Its answers are {svg.number(controlled['mean_difference'])} "
                "characters longer on average; length moves the judge's odds by "
                f"{svg.number(controlled['length_effect'])}.",
                "soft",
            )
        )
    gain = html.interval_words(win["reward_gain"])
    return html.section(
        "Wins over the reference",
        svg.intervals(bars, "win rates over the reference"),
        html.words(f"{win['comparisons']} comparisons. Reward gained: {gain}."),
        *told,
    )


def _ranking(split: str, report: Report) -> str:
    part = report.get(f"implied_{split}")
    if not part or "ranking" not in part:
        return ""
    bars = [
        _bar(WAYS[name], part["ranking"][name], rival=name not in ("implied", "policy"))
        for name in WAYS
        if name in part["ranking"]
    ]
    return html.section(
        f"Ranking {split} pairs as people do",
        svg.intervals(bars, f"share of {split} pairs ranked as people do"),
        html.words(
            f"{part['pairs']} pairs. Accuracy of the implied reward is not accuracy of "
            "the policy's own ranking: the first compares ratios to the reference.",
            "soft",
        ),
    )


def _kl(report: Report) -> str:
    kl = report.get("kl")
    if not kl:
        return ""
    return html.section(
        "Distance from the reference",
        html.words(
            f"KL {svg.number(kl['kl'])} nats a completion, standard error "
            f"{svg.number(kl['standard_error'] or 0.0)}; "
            f"{svg.number(kl['per_token'])} a token, from {kl['sequences']} samples."
        ),
    )


def _best_of_n(report: Report) -> str:
    curves = report.get("best_of_n")
    if not curves:
        return ""
    series = [
        svg.Series(
            name,
            [(row["n"], row["score"]["value"]) for row in rows],
            [
                (row["n"], row["score"]["low"], row["score"]["high"])
                for row in rows
                if row["score"]["low"] is not None
            ],
        )
        for name, rows in curves.items()
        if rows
    ]
    drawn = svg.curves(
        series,
        "score of the best of n",
        x_label="n, the best of which is taken",
        y_label="score",
        log_x=True,
    )
    front = report["frontier"]
    place = front["policy"]
    line = svg.Series(
        "best of n from the reference",
        [(point["kl"], point["score"]) for point in front["best_of_n"]],
    )
    both, told = [line], ""
    if place["kl"] is not None:
        both.append(
            svg.Series("this policy", [(place["kl"], place["score"])], dots=True)
        )
    if "best_of_n_at_the_same_kl" in front:
        same = front["best_of_n_at_the_same_kl"]
        told = html.words(
            f"The policy scores {svg.number(place['score'])} at "
            f"{svg.number(place['kl'])} nats; best-of-n from its reference scores "
            f"{svg.number(same)} there."
        )
    return html.section("Best of n", drawn) + html.section(
        "Reward against distance",
        told,
        svg.curves(
            both,
            "score by KL from the reference",
            x_label="KL from the reference, nats",
            y_label="score",
        ),
    )


def _attributes(report: Report) -> str:
    found = report.get("attributes")
    if not found:
        return ""
    return html.section(
        "Attributes",
        html.table(
            ["", "hypervolume", "expected utility", "sparsity", *found["attributes"]],
            [
                [
                    name,
                    row["hypervolume"],
                    row["expected_utility"],
                    row["sparsity"],
                    *row["means"],
                ]
                for name, row in found["policies"].items()
            ],
        ),
        html.words(
            "Of each prompt's samples, attributes scaled to what was seen; measured "
            "from the lowest of each. The last columns are means.",
            "soft",
        ),
    )


def _tripwires(report: Report) -> str:
    found = report.get("tripwires")
    if not found:
        return ""
    tripped = found["tripped"]
    verdict = f"Tripped: {', '.join(tripped)}." if tripped else "No alarm tripped."
    return html.section(
        "Alarms",
        html.words(verdict, "strong"),
        html.table(
            ["watched", "policy", "reference", "tripped"],
            [
                [
                    row["name"],
                    row["policy"],
                    row["reference"],
                    "yes" if row["tripped"] else "",
                ]
                for row in found["rows"]
            ],
        ),
        html.table(
            ["phrase that rose", "policy", "reference"],
            [[r["phrase"], r["policy"], r["reference"]] for r in found["phrases"]],
        ),
    )
