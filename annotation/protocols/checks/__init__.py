"""How each kind of question is answered: one check a kind, one file a family."""

from collections.abc import Callable, Iterable
from typing import Any

from annotation.protocols.checks.common import Problem
from annotation.protocols.checks.ordering import (
    check_best_worst,
    check_compare,
    check_rank,
)
from annotation.protocols.checks.texts import (
    check_missing,
    check_principle,
    check_span,
    check_text,
)
from annotation.protocols.checks.values import (
    check_choose,
    check_rate,
    check_reaction,
    check_step,
)

# (question, judgments of its kind, the task) -> what does not fit. Each function is
# typed by its own kind of question and judgment, which the key names.
CHECKS: dict[str, Callable[[Any, Any, Any], Iterable[Problem]]] = {
    "compare": check_compare,
    "rank": check_rank,
    "best_worst": check_best_worst,
    "rate": check_rate,
    "span": check_span,
    "missing": check_missing,
    "principle": check_principle,
    "text": check_text,
    "reaction": check_reaction,
    "choose": check_choose,
    "step": check_step,
}
