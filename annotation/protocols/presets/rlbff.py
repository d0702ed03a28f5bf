"""Feedback in words on one completion, and principles with verdict and evidence."""

from annotation.protocols.presets.types import Preset

PRINCIPLES = {
    "instruction": "Does everything that the prompt asks for.",
    "accuracy": "States nothing that is false.",
    "focus": "Holds nothing that the reader does not need.",
    "structure": "Is arranged so that the reader finds things.",
    "wording": "Is written clearly and without mistakes of language.",
}

PRESET = Preset(
    name="rlbff",
    title="Feedback in words, then principles with verdict and evidence",
    source="Wang et al. 2025, arXiv:2509.21319",
    asks=[
        {
            "id": "feedback",
            "kind": "text",
            "text": "What is good and bad about it?",
            "help": "Two sentences or more. What you write decides the principles.",
            "role": "critique",
            "per": "completion",
            "min_chars": 40,
        },
        {
            "id": "principles",
            "kind": "principle",
            "text": "Does the completion keep each principle?",
            "help": "Add those that your feedback rests on and that are not listed.",
            "principles": [
                {"id": name, "text": text} for name, text in PRINCIPLES.items()
            ],
            "evidence": "required",
            "open": True,
        },
    ],
    guidelines="""\
# Principles

Write first what you think of the completion, then turn it into yes and no.

- A **principle** is one thing that a completion can keep or break, whoever reads it:
  "Gives the unit of every number." "Good" and "helpful" are no principles.
- **Yes**: kept throughout. **No**: broken. **Partly**: kept here and broken there.
  **Not applicable**: the prompt gives no occasion for it.
- **Evidence** is the passage of the completion that shows it; select it. For "no" take
  what breaks the principle, or the place where something should have been.
- Search before you add a principle: the same one in other words helps nobody.
""",
    completions=(1, 1),
    overlap=3,
)
