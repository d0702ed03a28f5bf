"""The shell of a report: escaped text, tables and figures in one file.

The page carries its own content policy: its one style by its hash, no script, nothing
loaded. What models and people wrote is text here and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from training.engine.evaluate.pages.svg import number
from training.engine.evaluate.pages.text import plain

STYLE = """
:root{color-scheme:light dark;--ink:#17211f;--soft:#5b6966;--line:#dfe5e3;--card:#fff;
--page:#f6f8f7;--t0:#0f6f68;--t1:#b4530a;--t2:#5b4bb7;--t3:#a3123f;--t4:#2f6b1f;--t5:#7b8784}
@media (prefers-color-scheme:dark){:root{--ink:#e6ecea;--soft:#9fb0ab;--line:#2b3735;
--card:#16201e;--page:#0e1514;--t0:#4fb8ab;--t1:#f0a35e;--t2:#a99cf5;--t3:#f2809f;
--t4:#8fd07a;--t5:#8b9895}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
main{max-width:860px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:0 0 8px}
p{margin:6px 0}.soft{color:var(--soft)}.strong{font-weight:600}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;
padding:16px;margin:16px 0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:5px 8px;border-bottom:1px solid var(--line);
vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font:13px/1.45 ui-monospace,
monospace;max-height:18em;overflow:auto}
svg{width:100%;min-width:540px;height:auto;display:block}svg.key{min-width:0;width:12px;display:inline-block;
margin-right:6px;vertical-align:-1px}
text{fill:var(--ink);font:12px system-ui,sans-serif}
text.tick,text.axis{fill:var(--soft)}
.grid{stroke:var(--line)}.diagonal{stroke:var(--soft);stroke-dasharray:4 4}
.curve{fill:none;stroke-width:2}.whisker{stroke-width:3;stroke-linecap:round}
.band{opacity:.14;stroke:none}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;padding:0;
margin:6px 0 0;font-size:13px}
.dot.t0,.band.t0{fill:var(--t0)}.dot.t1,.band.t1{fill:var(--t1)}
.dot.t2,.band.t2{fill:var(--t2)}.dot.t3,.band.t3{fill:var(--t3)}
.dot.t4,.band.t4{fill:var(--t4)}.dot.t5,.band.t5{fill:var(--t5)}
.curve.t0,.whisker.t0{stroke:var(--t0)}.curve.t1,.whisker.t1{stroke:var(--t1)}
.curve.t2,.whisker.t2{stroke:var(--t2)}.curve.t3,.whisker.t3{stroke:var(--t3)}
.curve.t4,.whisker.t4{stroke:var(--t4)}.curve.t5,.whisker.t5{stroke:var(--t5)}
""".strip()

STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'"
)


def page(title: str, intro: str, sections: Sequence[str]) -> str:
    """Return a whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{plain(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{plain(title)}</h1>"
        f'<p class="soft">{plain(intro)}</p>{"".join(sections)}</main></body></html>\n'
    )


def section(title: str, *parts: str) -> str:
    """Return a titled part of a page; nothing where it has no content."""
    body = "".join(parts)
    return f"<section><h2>{plain(title)}</h2>{body}</section>" if body else ""


def words(text: str, kind: str = "") -> str:
    """Return a paragraph."""
    return f'<p class="{kind}">{plain(text)}</p>'


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table; numbers stand to the right, texts as they are written."""
    if not rows:
        return ""
    numeric = [
        all(isinstance(row[i], int | float) or row[i] is None for row in rows)
        for i in range(len(head))
    ]

    def cell(value: Any, place: int, tag: str) -> str:
        kind = ' class="n"' if numeric[place] else ""
        return f"<{tag}{kind}>{_shown(value)}</{tag}>"

    top = "".join(cell(name, i, "th") for i, name in enumerate(head))
    body = "".join(
        f"<tr>{''.join(cell(value, i, 'td') for i, value in enumerate(row))}</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return plain(number(value))
    return plain(str(value))


def quoted(text: str) -> str:
    """Return what a model or a person wrote, as it stands."""
    return f"<pre>{plain(text)}</pre>"


def interval_words(found: Any) -> str:
    """Write a number with its interval."""
    if not isinstance(found, dict):
        return "–"
    value, low, high = (found[key] for key in ("value", "low", "high"))
    if low is None or high is None:
        return f"{number(value)} (too few to say how surely)"
    return f"{number(value)} ({number(low)} to {number(high)})"
