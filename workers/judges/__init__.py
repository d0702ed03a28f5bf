"""Judges: AI that answers tasks, each an actor behind one protocol.

A judge is asked about a pair in both orders and gives a probability for each. What it
said is kept for every presentation; see `annotation/services/judging.py`.
"""

from workers.judges.base import Cost, Judge, Pair, Verdict
from workers.judges.registry import JUDGES, judge_of

__all__ = ["JUDGES", "Cost", "Judge", "Pair", "Verdict", "judge_of"]
