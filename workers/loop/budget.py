"""How a loop's time is shared out, and how durations are written."""

import re
from dataclasses import dataclass

from annotation.errors import InvalidInput

_UNITS = {"s": 1, "m": 60, "h": 3600}
# Seven runs start a process and load a model each, whatever the budget is.
STARTING_SECONDS = 7 * 12.0
# Of what remains; the rest pays for importing, freezing, scoring and slack.
REWARD_SHARE, POLICY_SHARE, SAMPLING_SHARE, EVALUATION_SHARE = 0.2, 0.35, 0.15, 0.15
SECONDS_A_PROMPT = 4.0  # two policies, SmolLM2-135M on two cores, batched
SECONDS_A_ROW = 2.0  # policy and reference score both completions of a pair


@dataclass(frozen=True)
class Budget:
    """The seconds a loop may take on this machine, all stages together."""

    seconds: float

    @property
    def working_seconds(self) -> float:
        """What remains after starting; at least a third, for budgets that are tiny."""
        return max(self.seconds - STARTING_SECONDS, self.seconds / 3)

    @property
    def reward_seconds(self) -> float:
        return self.working_seconds * REWARD_SHARE

    @property
    def policy_seconds(self) -> float:
        return self.working_seconds * POLICY_SHARE

    def prompts(self, most: int) -> int:
        """Return how many prompts both policies can be sampled for, at least 4."""
        affordable = int(self.working_seconds * SAMPLING_SHARE / SECONDS_A_PROMPT)
        return max(4, min(most, affordable))

    @property
    def evaluation_rows(self) -> int:
        """Pairs of each split that the policy's evaluation can afford, at least 8."""
        half = self.working_seconds * EVALUATION_SHARE / 2
        return max(8, min(512, int(half / SECONDS_A_ROW)))


def parse_budget(text: str) -> Budget:
    """Read 90s, 20m, 1.5h or plain seconds.

    Raises:
        InvalidInput: for anything else, and for less than 10 seconds.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if seconds < 10:
        raise InvalidInput(
            "The budget cannot be used.",
            expected="a duration of at least 10 s, such as 90s, 20m or 1h",
            found=repr(text),
            fix="Give another BUDGET.",
        )
    return Budget(seconds)
