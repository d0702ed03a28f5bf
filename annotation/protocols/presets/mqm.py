"""Translation errors by category and severity, in the translation and its source."""

from annotation.protocols.presets.types import Preset, labels

CATEGORIES = [
    ("accuracy/addition", "Addition", "Says what the source does not say."),
    ("accuracy/mistranslation", "Mistranslation", "Says something else."),
    ("accuracy/untranslated", "Untranslated text", "Left in the source's language."),
    ("fluency/punctuation", "Punctuation", "Wrong for the place or the language."),
    ("fluency/spelling", "Spelling", "Spelling or capitals."),
    ("fluency/grammar", "Grammar", "Grammar other than spelling."),
    ("fluency/register", "Register", "Too formal or too familiar."),
    ("fluency/inconsistency", "Inconsistency", "The same thing under two names."),
    ("fluency/encoding", "Encoding", "Garbled characters."),
    ("terminology/inappropriate", "Wrong term", "Not the term of the field."),
    ("terminology/inconsistent", "Inconsistent term", "Terms change in between."),
    ("style/awkward", "Awkward style", "Correct, but nobody would say it so."),
    ("locale", "Locale", "Form of dates, numbers, names or addresses."),
    ("non-translation", "No translation", "The whole is no translation at all."),
    ("other", "Other", "Anything else; say what in a note."),
]
SEVERITIES = [
    {
        "id": "major",
        "label": "Major",
        "description": "Misleads, or cannot be understood.",
    },
    {"id": "minor", "label": "Minor", "description": "Noticed, but does no harm."},
    {"id": "neutral", "label": "Neutral", "description": "Taste: no error."},
]

PRESET = Preset(
    name="mqm",
    title="Translation errors with category and severity",
    source="Freitag et al. 2021, arXiv:2104.14478",
    asks=[
        {
            "id": "translation",
            "kind": "span",
            "text": "Mark the errors of the translation.",
            "criterion": "translation",
            "required": False,
            "target": "completion",
            "categories": [
                {"id": name, "label": label, "description": description}
                for name, label, description in CATEGORIES
            ],
            "severities": SEVERITIES,
            "overlap": "allow",
            "note": "optional",
            "snap": "word",
        },
        {
            "id": "source",
            "kind": "span",
            "text": "Mark in the source what was left out, or is wrong there already.",
            "criterion": "source",
            "required": False,
            "target": "prompt",
            "categories": labels(
                omission="Left out of the translation",
                source_error="An error of the source itself",
            ),
            "severities": SEVERITIES,
            "overlap": "allow",
            "note": "optional",
            "snap": "word",
        },
    ],
    guidelines="""\
# Errors of translation

Read the source, then the translation, as a professional translator would check it.

- Mark the shortest stretch that must change, with its category and its severity.
- **Major**: the reader is misled or lost. **Minor**: a flaw that a careful reader
  sees. **Neutral**: you would write it differently, and it is not wrong.
- What the translation lacks has no place there: mark it in the source.
- At most five errors: if there are more, mark the five gravest.
- Where the whole is no translation, mark all of it once and nothing else.
- A good translation has no marks.
""",
    completions=(1, 1),
    overlap=3,
)
