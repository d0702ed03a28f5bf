"""Judges: AI that answers tasks, each an actor behind one protocol.

`ask(judge, tasks)` gives a judge's probabilities of pairs in both orders. What it said
is kept for every presentation; see docs/judges.md.
"""

from workers.judges.asking import ask, judge_tasks
from workers.judges.keeping import Judged

__all__ = ["Judged", "ask", "judge_tasks"]
