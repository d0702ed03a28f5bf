"""The catalogue of methods as text: for a terminal, and as the page in the docs.

``python -m training.engine methods --markdown > docs/methods.md`` writes the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.engine.registry.absent import ABSENT, Absent
from training.engine.registry.algebra import Objective
from training.engine.registry.presets import ALL
from training.engine.registry.types import Param, Preset
from training.engine.registry.wanted import remedy, required

_FAMILIES = (
    ("Policies from collected preferences", ("dpo",)),
    ("Reward models", ("reward",)),
    ("Policies from sampled completions", ("online", "ppo")),
    ("Scores without training", ("score",)),
    ("Sampling", ("generate",)),
)

_STATUS = {
    "code": "code: checked against an implementation",
    "text": "text: checked against the paper's or a report's equations",
    "derivation": "derivation: derived and checked numerically",
    "abstract": "abstract only: unverified",
    "memory": "no source found: unverified",
    "own": "our own",
}

_NOTATION = """\
Notation: x prompt, y completion of n(y) tokens, yw and yl the chosen and the rejected
one; lp(y) the policy's log-probability, lr(y) the frozen reference's, both summed over
tokens; s(y) = lp(y) - lr(y); q = s or lp over n; h = s(yw) - s(yl) and d the same of
lp; sig the logistic function; sg stops the gradient. L is one example's loss.
"""


def published() -> list[Preset]:
    """Return the methods that somebody published."""
    return [preset for preset in ALL if preset.is_published]


def counts() -> str:
    """Return how many methods there are, the unverified ones counted apart."""
    found = published()
    verified = [preset for preset in found if preset.is_verified]
    return (
        f"{len(verified)} methods whose equation was checked against code, text or a "
        f"derivation, and {len(found) - len(verified)} that are unverified."
    )


def listing() -> str:
    """Return the catalogue for a terminal."""
    lines = [counts(), ""]
    for preset in published():
        mark = "" if preset.is_verified else " [unverified]"
        lines.append(f"{preset.name}{mark}: {preset.title}")
        if preset.equation:
            lines.append(f"  {preset.equation}")
        lines.append(f"  from {preset.paper}")
        lines.append(f"  rests on {_STATUS[preset.status]}{_in(preset.verified)}")
        if preset.caution:
            lines.append(f"  Caution: {preset.caution}")
        lines.append(f"  {needs(preset)}; {_tests(preset)}")
    lines += ["", f"Not offered: {len(ABSENT)}"]
    for absent in ABSENT:
        near = f"; nearest: {absent.instead}" if absent.instead else ""
        lines.append(f"{absent.name}: {absent.title}. Why: {absent.why}{near}")
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """Return the whole page."""
    known = {task for _, tasks in _FAMILIES for task in tasks}
    families = [
        *_FAMILIES,
        ("Others", tuple({p.task for p in published()} - known)),
    ]
    parts = [
        "# Methods\n",
        "<!-- Generated: python -m training.engine methods --markdown -->\n",
        f"{counts()}\n\nEach is a row of settings: `python -m training.engine methods` "
        "lists them,\nand the launch form offers all that leave a model.\n",
        _NOTATION,
    ]
    for title, tasks in families:
        members = [preset for preset in published() if preset.task in tasks]
        if members:
            parts.append(f"## {title}\n")
            parts.append(_table(members))
            parts += [_section(preset) for preset in members]
    if ABSENT:
        parts.append("## Not offered, and why\n")
        parts += [_absence(absent) for absent in ABSENT]
    return "\n".join(parts)


def _table(members: Sequence[Preset]) -> str:
    rows = ["| method | what it is | verified | view |", "|---|---|---|---|"]
    for preset in members:
        status = preset.status if preset.is_verified else f"**no** ({preset.status})"
        rows.append(
            f"| [`{preset.name}`](#{preset.name}) | {preset.title} | {status} "
            f"| {preset.view or ''} |"
        )
    return "\n".join(rows) + "\n"


def _section(preset: Preset) -> str:
    mark = "" if preset.is_verified else " (unverified)"
    lines = [f"### {preset.name}", "", f"**{preset.title}**{mark}. {preset.summary}"]
    if preset.caution:
        lines += ["", f"> {preset.caution}"]
    if preset.equation:
        lines += ["", "```", preset.equation, "```"]
    lines += [
        "",
        f"- Paper: {preset.paper}",
        f"- Rests on {_STATUS[preset.status]}{_in(preset.verified)}",
        f"- {needs(preset)}",
    ]
    if isinstance(preset.settings, Objective):
        lines.append(f"- Settings: {_settings(preset.settings)}")
    if preset.upstream:
        lines.append(f"- TRL: {preset.upstream}")
    if preset.alias_of:
        lines.append(f"- Same loss as `{preset.alias_of}`, on other rows")
    lines.append(f"- Held by: {'; '.join(preset.identities)} ({_tests(preset)})")
    own = [param for param in preset.params if param.name in _own(preset)]
    if own:
        lines.append("- Parameters: " + "; ".join(_param(param) for param in own))
    return "\n".join(lines) + "\n"


def _absence(absent: Absent) -> str:
    near = (
        f" Nearest: [`{absent.instead}`](#{absent.instead})." if absent.instead else ""
    )
    return (
        f"- **{absent.title}** (`{absent.name}`; {absent.paper}): `{absent.equation}`. "
        f"{absent.why[0].upper()}{absent.why[1:]}.{near}\n"
    )


def _own(preset: Preset) -> set[str]:
    """Return the settings that few methods have, which are the method's own."""
    usual = {param.name for param in ALL[0].params} | {
        *("precompute_reference", "use_weights", "pool_labels"),
    }
    return {param.name for param in preset.params} - usual


def _settings(settings: Objective) -> str:
    plain = Objective()
    said = [
        f"{name} {value if isinstance(value, str) else '+'.join(value)}"
        for name, value in vars(settings).items()
        if value != getattr(plain, name) or name == "link"
    ]
    return ", ".join(said)


def _param(param: Param) -> str:
    bounds = ""
    if param.choices:
        bounds = f" ({', '.join(param.choices)})"
    elif param.minimum is not None:
        top = "" if param.maximum is None else f" to {param.maximum:g}"
        bounds = f" (from {param.minimum:g}{top})"
    default = (
        f"{param.default:g}" if isinstance(param.default, float) else param.default
    )
    return f"`{param.name}` = {default}{bounds}"


def needs(preset: Preset) -> str:
    """Return what a method works on, and how a project comes by it."""
    rows = {"score": "completions", "generate": "prompts"}.get(preset.task)
    said = f"Needs {rows}" if rows else f"Needs rows of {preset.view or 'pairs'}"
    must = required(preset)
    if must:
        said += f" with {', '.join(must)}"
    if preset.models:
        said += f", and the models {', '.join(preset.models)}"
    for made in preset.made_by:
        said += f"; {' or '.join(made.places)} from {' or '.join(made.presets)}"
    if preset.one_of:
        said += f"; {' or '.join(preset.one_of)} must be given"
    if preset.rewards is not None:
        said += f"; {preset.rewards} rewards"
    for way in dict.fromkeys(map(remedy, must)):
        said += f". {way.removesuffix('.')}"
    return said


def _tests(preset: Preset) -> str:
    return "tests: " + ", ".join(preset.tests) if preset.tests else "no test"


def _in(words: str) -> str:
    return f" ({words})" if words else ""
