"""A critique of one completion, and its rewriting by that critique."""

from annotation.protocols.presets.types import Preset

PRESET = Preset(
    name="critique-and-edit",
    title="Say what is wrong, then mend it",
    source="Scheurer et al. 2023, arXiv:2303.16755; Wang et al. 2025, arXiv:2503.04378",
    asks=[
        {
            "id": "critique",
            "kind": "text",
            "text": "What should change, and why?",
            "role": "critique",
            "per": "completion",
            "min_chars": 30,
        },
        {
            "id": "edit",
            "kind": "text",
            "text": "Change it so that the critique no longer applies.",
            "role": "edit",
            "per": "completion",
            "min_chars": 1,
        },
    ],
    guidelines="""\
# Critique and edit

1. **Critique.** Say what keeps the completion from being as good as it could be, so
   that somebody else could mend it by your words alone. Name places. Begin with what
   weighs most. What is good needs a sentence only where it must not be lost.
2. **Edit.** Do what your critique says, and nothing else. Keep the voice and whatever
   was right. Where nothing needs to change, leave the text as it is and say so.
""",
    completions=(1, 1),
)
