"""Every offline equation a second time, in plain numbers and without tensors.

`now` is the policy as it moves; `held` the policy as it stood, for what carries no
gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp, log

from tests.engine.identities.plain import (
    DEGREES,
    EXTRAS,
    FACTORS,
    FIXED,
    GOOD,
    LENGTHS,
    LEVELS,
    MARGIN,
    MARGINS,
    MEMBERS,
    SOFT,
    STATE,
    VALUES,
    Case,
    ls,
    sig,
)


def soft(p: float, z: float) -> float:
    return -(p * ls(z) + (1 - p) * ls(-z))


def ipo(c: Case) -> float:
    return (c.h - 1 / (2 * c["beta"])) ** 2


def robust(c: Case) -> float:
    e = c["label_smoothing"]
    return (-(1 - e) * ls(c.z) + e * ls(-c.z)) / (1 - 2 * e)


def exo(c: Case) -> float:
    e, a, b = c["label_smoothing"], sig(c.z), sig(-c.z)
    return a * log(a / (1 - e)) + b * log(b / e)


def nca(c: Case) -> float:
    w, x = (c["beta"] * c.now.s(i) for i in (c.good, c.bad))
    return -ls(w) - ls(-w) / 2 - ls(-x) / 2


def sppo_hard(c: Case) -> float:
    half = 1 / (2 * c["beta"])
    return (c.now.s(c.good) - half) ** 2 + (c.now.s(c.bad) + half) ** 2


def apo_zero(c: Case) -> float:
    w, x = (c["beta"] * c.now.s(i) for i in (c.good, c.bad))
    return 1 - sig(w) + sig(x)


def apo_down(c: Case) -> float:
    return sig(c["beta"] * c.now.s(c.good)) + 1 - sig(c.z)


def discopop(c: Case) -> float:
    m = sig(c.z / c["discopop_tau"])
    return -ls(c.z) * (1 - m) + exp(-c.z) * m


def mm_dpo(c: Case) -> float:
    delta = max(MARGIN[c.at], 0.0)
    factor = 1 + c["strength_weight"] * (1 - exp(-c["strength_rate"] * delta))
    nll = -c.now.mean(c.good)
    return -ls(c["beta"] * factor * c.h) + c["nll_weight"] * nll


def constrained(c: Case) -> float:
    inverse = [exp(-c.now.mean(i, "reference")) for i in (c.good, c.bad)]
    return -ls(c.z - c["gamma"] * sum(inverse))


def modpo(c: Case) -> float:
    other = float(c.p["other_weights"])
    return -ls((c.z - other * MARGINS[c.at]) / (1 - other))


def flex(c: Case) -> float:
    scaled = c["beta_chosen"] * c.now.s(c.good) - c["beta_rejected"] * c.now.s(c.bad)
    return -ls(scaled)


def orpo(c: Case) -> float:
    odds = [c.now.mean(i) - log(1 - exp(c.now.mean(i))) for i in (c.good, c.bad)]
    nll = -c.now.mean(c.good)
    return c["nll_weight"] * nll - c["beta"] * ls(odds[0] - odds[1])


def power_z(c: Case) -> float:
    w, x = (c.now.mean(i) + 1 / LENGTHS[i] for i in (c.good, c.bad))
    return c["beta"] * (w - x)


def power(c: Case) -> float:
    anchor = c["nll_weight"] * c["beta"] * c.now.mean(c.good)
    return -ls(power_z(c)) - anchor


def power_dl(c: Case) -> float:
    anchor = c["nll_weight"] * c["beta"] * c.now.mean(c.good)
    return soft(STATE[c.at], power_z(c)) - anchor


def cpl(c: Case) -> float:
    w, x = (
        c["beta"] * sum(c["discount"] ** t * v for t, v in enumerate(c.now.rows[i]))
        for i in (c.good, c.bad)
    )
    return -log(exp(w) / (exp(w) + exp(c["rejected_bias"] * x)))


def spa(c: Case) -> float:
    def label(at: int) -> float:
        one, two = MEMBERS["pairs"][at]
        gaps = [c.now.lp(i, "previous") - c.now.lp(i, "reference") for i in (one, two)]
        return sig(c["beta"] * (gaps[0] - gaps[1]))

    sure = sorted(range(3), key=lambda at: -abs(label(at) - 0.5))
    kept = sure[: round(3 * (1 - c["doubtful_share"]))]
    p, e = label(c.at), c["label_smoothing"]
    return soft(p if c.at in kept else (1 - e) * p + e * (1 - p), c.z)


def rpo(c: Case) -> float:
    mean = c.p["nll_norm"] == "mean"
    nll = -(c.now.mean(c.good) if mean else c.now.lp(c.good))
    return -ls(c.z) + c["nll_weight"] * nll


def calibrated(c: Case) -> float:
    named = EXTRAS["calibration"][c.at]
    at = c.good if named < 0 else named
    sign = -1 if c.p.get("direction") == "pessimism" else 1
    return -ls(c.z) + sign * c["alpha"] * c["beta"] * c.now.s(at)


def rationale(c: Case) -> float:
    at = EXTRAS["rationale"][c.at]
    if at < 0:
        return 0.0
    scaled = c["gamma"] * c.now.lp(at)
    return -scaled if c.p["rationale_form"] == "nll" else -ls(scaled)


def inpo(c: Case) -> float:
    r = c["reference_ratio"]
    mixed = r * c.gap("reference") + (1 - r) * c.gap("previous")
    return (c.d - mixed - 1 / (2 * c["eta"])) ** 2


def mnpo(c: Case) -> float:
    r, older = c["reference_ratio"], c["older_weight"]
    history = (1 - older) * c.mean_gap("previous") + older * c.mean_gap("previous_2")
    mixed = r * c.mean_gap("reference") + (1 - r) * history
    return (c.mean_gap("policy") - mixed - 1 / (2 * c["eta"])) ** 2


def accelerated(c: Case) -> float:
    one, two = c.gap("previous"), c.gap("previous_2")
    reference = one + c["extrapolation"] * (one - two)
    return -ls(c["beta"] * (c.d - reference))


def dno(c: Case) -> float:
    one, two = VALUES["pairs"][c.at]
    return soft(sig(one - two), c.z)


def targets(c: Case, centre: float) -> float:
    pairs = zip((c.good, c.bad), VALUES["pairs"][c.at], strict=True)
    return sum((c.now.s(i) - (v - centre) / c["beta"]) ** 2 for i, v in pairs) / 2


def copg(c: Case) -> float:
    one, two = VALUES["pairs"][c.at]
    return (one - two - c.z) ** 2 / (2 * c["beta"])


def t_reg(c: Case) -> float:
    total = 0.0
    for i in (c.good, c.bad):
        for t, value in enumerate(c.now.rows[i]):
            rhat = sig(FIXED["better"][i][t] - FIXED["worse"][i][t]) - 0.5
            total -= c["beta"] * rhat * value
    held = replace(c, now=c.held)
    return -ls(c.z) + c["alpha"] * sig(-held.z) * total


def masked(c: Case) -> float:
    sides, size = [], 0.0
    for i in (c.good, c.bad):
        u = k = 0.0
        for t, value in enumerate(c.now.rows[i]):
            up, down = FACTORS["ratio_mask"][i][t], FACTORS["divergence_mask"][i][t]
            u += up * (value - FIXED["reference"][i][t])
            k += down * FACTORS["divergence"][i][t]
            size += up + down
        sides.append(u - k)
    return -ls(c["beta"] * (sides[0] - sides[1])) + c.p.get("l1", 0.0) * size


def pro(c: Case) -> float:
    at, r = c.members, VALUES["lists"][c.at]
    q = [c.now.mean(i) for i in at]
    total = 0.0
    for k in range(len(at)):
        worse = [i for i in range(len(at)) if r[i] < r[k]]
        if worse:
            top = max(r[k] - r[i] for i in worse) * q[k]
            rest = sum(exp((r[k] - r[i]) * q[i]) for i in worse)
            total += log(exp(top) + rest) - top
    best = at[r.index(max(r[: len(at)]))]
    return total - c["nll_weight"] * (len(at) - 1) ** 2 * c.now.lp(best)


def gains(c: Case) -> list[tuple[float, float]]:
    """Return weight and loss of every pair of a list, better first."""
    at, psi = c.members, VALUES["lists"][c.at]
    order = sorted(range(len(at)), key=lambda k: -c.held.s(at[k]))
    rank = {k: place + 1 for place, k in enumerate(order)}
    found = []
    for i in range(len(at)):
        for j in range(len(at)):
            if psi[i] > psi[j]:
                weight = (2 ** psi[i] - 2 ** psi[j]) * abs(
                    1 / log(1 + rank[i]) - 1 / log(1 + rank[j])
                )
                gap = c["beta"] * (c.now.s(at[i]) - c.now.s(at[j]))
                found.append((weight, -ls(gap)))
    return found


def lipo(c: Case) -> float:
    return sum(weight * loss for weight, loss in gains(c))


def tree(c: Case) -> float:
    found = gains(c)
    return lipo(c) / sum(weight for weight, _ in found)


def trpa(c: Case) -> float:
    at, level = c.members, LEVELS[c.at]
    losses = []
    for i in range(len(at)):
        for j in range(len(at)):
            if level[i] > level[j]:
                factor = c["best_weight"] if level[i] == 0 else 1.0
                gap = c.now.q(at[i]) - c.now.q(at[j])
                losses.append(-ls(c["beta"] * factor * gap))
    if not losses:
        signs = [1 if level[k] == 0 else -1 for k in range(len(at))]
        losses = [-ls(g * c.now.q(i)) for g, i in zip(signs, at, strict=True)]
    ties = []
    for i in at:
        own = zip(FIXED["previous"][i], c.now.rows[i], strict=True)
        ties.append(sum(exp(o - n) - 1 - (o - n) for o, n in own) / LENGTHS[i])
    tie = c["kl_weight"] * sum(ties) / len(at)
    return sum(losses) / len(losses) + tie


def steerlm2(c: Case) -> float:
    at, value = c.members, VALUES["lists"][c.at]
    ahead = [
        v + c.held.lp(i, "reference") - c.held.lp(i, "previous")
        for i, v in zip(at, value, strict=False)
    ]
    behind = [c.held.lp(i) - c.held.lp(i, "previous") for i in at]
    total = 0.0
    for k, i in enumerate(at):
        w = exp(ahead[k]) / sum(map(exp, ahead))
        b = exp(behind[k]) / sum(map(exp, behind))
        total -= (w - b) * c.now.lp(i)
    return total


def copg_lists(c: Case) -> float:
    at, r, beta = c.members, VALUES["lists"][c.at], c["beta"]
    found = [r[k] - beta * c.now.s(i) for k, i in enumerate(at)]
    pairs = [(i, j) for i in range(len(at)) for j in range(i)]
    total = sum((found[i] - found[j]) ** 2 for i, j in pairs)
    return total / (2 * beta) / (len(at) - 1)


def poft(c: Case) -> float:
    others = [c.now.mean(c.at, name) for name in ("teacher_1", "teacher_2")]
    return -ls(c.now.mean(c.at) - sum(others) / 2)


def kto(c: Case) -> float:
    level = max(sum(c.held.s(i) for i in EXTRAS["mismatched"]) / 3, 0.0)
    good = GOOD[c.at] == 1
    weight = c["desirable_weight"] if good else c["undesirable_weight"]
    return weight * (1 - sig((1 if good else -1) * c["beta"] * (c.now.s(c.at) - level)))


def degrees(c: Case) -> float:
    copies = [c.good, *(EXTRAS[f"degree_{k}"][c.at] for k in (1, 2, 3))]
    told = [
        log(sum(map(exp, DEGREES[i]))) - DEGREES[i][k]
        for k, i in enumerate(copies)
        if i >= 0
    ]
    return -ls(c.z) + c["gamma"] * sum(told) / len(told)


def dpo(c: Case) -> float:
    return -ls(c.z)


def smoothed(c: Case) -> float:
    return soft(1 - c["label_smoothing"], c.z)


EQUATIONS: dict[str, Callable[[Case], float]] = {
    **dict.fromkeys(
        (
            *("dpo", "reward-augmented", "fspo", "dove", "mapl", "step-dpo"),
            "dno-prct",
        ),
        dpo,
    ),
    **dict.fromkeys(("ipo", "step-ipo"), ipo),
    **dict.fromkeys(("vpo", "selm"), calibrated),
    **dict.fromkeys(("sparse-po", "mapo-masks"), masked),
    "ipo-mean": lambda c: (c.now.q(c.good) - c.now.q(c.bad) - 1 / (2 * c["beta"])) ** 2,
    "rdpo": robust,
    "cdpo": smoothed,
    "soft-dpo": lambda c: soft(SOFT[c.at], c.z),
    "ln-dpo": lambda c: -ls(c["beta"] * (c.now.q(c.good) - c.now.q(c.bad))),
    "hinge": lambda c: max(0.0, 1 - c.z),
    "exo": exo,
    "nca": nca,
    "sppo-hard": sppo_hard,
    "anchored-zero": apo_zero,
    "anchored-down": apo_down,
    "discopop": discopop,
    "mm-dpo": mm_dpo,
    "constrained-po": constrained,
    "modpo": modpo,
    "flex-dpo": flex,
    "dpo-g": lambda c: (
        -ls(c["beta"] * (c.d - c["reference_weight"] * c.gap("reference")))
    ),
    "simpo": lambda c: -ls(c["beta"] * c.mean_gap("policy") - c["gamma"]),
    "orpo": orpo,
    "power": power,
    "power-dl": power_dl,
    "cpl": cpl,
    "contrastive-po": lambda c: (
        -ls(c["beta"] * c.d) - c["nll_weight"] * c.now.mean(c.good)
    ),
    "spa": spa,
    "rpo": rpo,
    "dpo-rationale": lambda c: -ls(c.z) + rationale(c),
    "orpo-rationale": lambda c: orpo(c) + rationale(c),
    "inpo": inpo,
    "mnpo": mnpo,
    "accelerated-po": accelerated,
    "dno": dno,
    "sppo": lambda c: targets(c, 0.5),
    "gpo": lambda c: targets(c, 0.0),
    "copg": copg,
    "t-reg": t_reg,
    "pro": pro,
    "lipo": lipo,
    "tree-po": tree,
    "trpa": trpa,
    "steerlm2": steerlm2,
    "copg-lists": copg_lists,
    "sft": lambda c: -c.now.mean(c.at),
    "seq2seq-reward": lambda c: -c.now.mean(c.good),
    "sspo": degrees,
    "poft": poft,
    "kto": kto,
}
