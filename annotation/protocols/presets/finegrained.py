"""Error spans against passages, missing information and a corrected answer."""

from annotation.protocols.presets.types import Preset, labels

# In the order in which they are to be tried: the first that fits is the category.
ERRORS = [
    ("irrelevant", "Irrelevant", "Has nothing to do with the question."),
    ("repetitive", "Repetitive", "Said before; refer to the earlier place."),
    (
        "inconsistent-fact",
        "Inconsistent with the passages",
        "A passage says otherwise; refer to its sentence.",
    ),
    ("unverifiable-fact", "Not in the passages", "No passage says so, or denies it."),
    ("incoherent", "Incoherent", "Broken language, or makes no sense where it stands."),
]

PRESET = Preset(
    name="finegrained-rlhf",
    title="Error spans with references, missing information, corrected answer",
    source="Wu et al. 2023, arXiv:2306.01693",
    asks=[
        {
            "id": "errors",
            "kind": "span",
            "text": "Mark every error.",
            "help": "The shortest stretch that holds it; one error, one category.",
            "criterion": "errors",
            "required": False,
            "target": "completion",
            "categories": [
                {"id": name, "label": label, "description": description}
                for name, label, description in ERRORS
            ],
            "overlap": "never",
            "refs": "optional",
            "snap": "word",
        },
        {
            "id": "missing",
            "kind": "missing",
            "text": "What do the passages say that the answer should have said?",
            "criterion": "completeness",
            "required": False,
            "categories": labels(
                answer="The answer itself",
                major_auxiliary="Important further information",
                minor_auxiliary="Further information of little weight",
            ),
            "refs": "required",
            "note": "optional",
        },
        {
            "id": "correction",
            "kind": "text",
            "text": "Mend it with as few changes as you can.",
            "role": "edit",
            "per": "completion",
            "min_chars": 1,
        },
    ],
    guidelines="""\
# Errors, gaps and a corrected answer

The passages are the only truth here: what they do not say cannot be verified, however
well you know it.

1. **Mark errors.** Take the shortest stretch of whole words that holds one error. A
   stretch has one category: go through the list from the top and take the first that
   fits. Stretches do not overlap. Where something is repeated, refer to its first
   place; where a passage contradicts, refer to the sentence.
2. **Note what is missing**, each time with the sentence that says it. Missing is what
   the question asked for; do not wish for more.
3. **Correct the answer.** Take out and change what you marked, add what you missed,
   and leave the rest as it is.

An answer without errors has no marks: go on to the next.
""",
    completions=(1, 1),
)
