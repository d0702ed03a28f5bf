"""The filter of a view: which answers, and what is made of them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotation.errors import InvalidInput

Split = Literal["train", "validation", "test"]
Aggregate = Literal["label", "consensus", "reliability"]
Kind = Literal["human", "model", "rule", "end_user"]


class ViewQuery(BaseModel):
    """The filter of a view, as snapshots and exports keep it.

    `aggregate` and `ties` are for the view pairs alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    splits: list[Split] = Field(
        ["train", "validation", "test"], description="Splits of prompts."
    )
    rounds: list[int] | None = Field(None, description="Rounds; 0 is imported.")
    kinds: list[Kind] | None = Field(None, description="Kinds of actors.")
    pools: list[str] | None = Field(None, description="Pools of actors.")
    sources: list[str] | None = Field(None, description="Sources of prompts.")
    criteria: list[str | None] | None = Field(
        None, description="Criteria; null in the list is the overall judgment."
    )
    since: datetime | None = Field(None, description="Answers from then on.")
    until: datetime | None = Field(None, description="Answers before then.")
    aggregate: Aggregate = Field(
        "label",
        description="A row for each label, or one for each task and criterion: what its"
        " labels say together (consensus), or what they say when each counts by how"
        " reliable its annotator is (reliability).",
    )
    ties: Literal["keep", "drop"] = Field(
        "keep", description="A kept tie is a row with soft label 0.5."
    )

    def takes(self, criterion: str | None) -> bool:
        return self.criteria is None or criterion in self.criteria

    def check_view(self, view: str) -> None:
        """Refuse what only pairs can do.

        Raises:
            InvalidInput: naming the setting.
        """
        for name, value, usual in (
            ("aggregate", self.aggregate, "label"),
            ("ties", self.ties, "keep"),
        ):
            if view != "pairs" and value != usual:
                raise InvalidInput(
                    f"The view {view} has no choice of {name}.",
                    expected=f"{name}={usual}",
                    found=f"{name}={value}",
                    fix="Leave it out, or choose the view pairs.",
                )


def read_query(raw: Any) -> ViewQuery:
    """Read a query from JSON values.

    Raises:
        InvalidInput: with path and finding of each bad field.
    """
    try:
        return ViewQuery.model_validate(raw or {})
    except ValidationError as error:
        raise InvalidInput(
            "The filter of the view could not be read.",
            expected="fields among " + ", ".join(ViewQuery.model_fields),
            found=f"{error.error_count()} bad field(s)",
            fix="Mend the fields named below.",
            fields=[
                {
                    "path": "query." + ".".join(str(part) for part in item["loc"]),
                    "message": item["msg"],
                    "value": repr(item["input"])[:200],
                }
                for item in error.errors()[:20]
            ],
        ) from error
