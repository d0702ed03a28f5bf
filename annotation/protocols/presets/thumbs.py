"""A thumb up or down for one completion."""

from annotation.protocols.presets.types import Preset

PRESET = Preset(
    name="thumbs",
    title="A thumb up or down",
    source="Ethayarajh et al. 2024, arXiv:2402.01306",
    asks=[
        {
            "id": "thumb",
            "kind": "reaction",
            "text": "Is this a good completion?",
            "signals": [
                {"id": "up", "label": "Thumb up", "value": 1},
                {"id": "down", "label": "Thumb down", "value": -1},
            ],
            "reason": "optional",
        }
    ],
    guidelines="""\
# Thumbs

One completion, one thumb. **Up** if you would be content to get this; **down** if not.
Do not look for perfection, and do not weigh it against something better that you can
imagine. If you want to, say in a few words what decided it.
""",
    completions=(1, 1),
)
