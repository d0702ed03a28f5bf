"""What a row must look like, whatever reads it: told before anything runs.

The columns of a Parquet file are checked as a whole, so that a million rows cost
moments; what is refused names the first row that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from training.engine.errors import FixableError

CHATS = (
    *("prompt", "messages", "chosen", "rejected", "completion", "text"),
    *("calibration", "rejected_prompt", "reference"),
)
"""Columns that hold one conversation, or a part of it, in every row."""

_CORE = ("prompt", "messages", "chosen", "rejected", "completion", "text")
"""Those that no row can do without; of the others a method says why it needs them."""

BOUNDS: dict[str, tuple[float, float | None]] = {
    "soft_label": (0.0, 1.0),
    "weight": (0.0, None),
}
"""Smallest and largest value of numbers that mean nothing beyond them."""

NUMBERS = ("soft_label", "weight", "margin")
"""Columns that are read as numbers wherever they stand; null where nobody said."""

_WANTED = 'a list of messages such as [{"role": "user", "content": "Why?"}]'


def check_columns(
    table: pa.Table, columns: Sequence[str], field: str, *, optional: Sequence[str] = ()
) -> None:
    """Refuse columns of another type, and rows that hold nothing usable.

    Args:
        columns: what every row must have.
        optional: what may be null, and is read where it is not.

    Raises:
        FixableError: naming the column and the first row.
    """
    there = [name for name in optional if name in table.column_names]
    before = 0
    for batch in table.to_batches():
        here = _Place(batch, field, before)
        for name in (*columns, *there):
            if name in CHATS:
                here.check_chats(name, must=name in columns and name in _CORE)
        if "candidates" in columns:
            here.check_candidates()
            here.check_groups()
        if "label" in columns and "principle" not in columns:
            here.check_labels()
        for name in NUMBERS:
            if name in table.column_names:
                here.check_numbers(name)
        before += len(batch)


def refuse_empty(
    row_id: str,
    completions: Sequence[Sequence[Mapping[str, str]]],
    field: str = "data.train",
) -> None:
    """Refuse a completion without text, which nothing can be learned from.

    Raises:
        FixableError: naming the row.
    """
    for completion in completions:
        if not any(message["content"].strip() for message in completion):
            raise FixableError(
                "A completion is empty.",
                expected="text to learn from",
                found=f"an empty completion in row {row_id}",
                fix="Leave the row out of the data, or mend it.",
                field=field,
            )


class _Place:
    """Some rows of a file, after ``before`` others, and where its errors point."""

    def __init__(self, rows: pa.RecordBatch, field: str, before: int) -> None:
        self._rows = rows
        self._field = field
        self._before = before

    def check_chats(self, name: str, *, must: bool) -> None:
        column = self._rows.column(name)
        if pa.types.is_null(column.type) and not must:
            return
        if (
            name == "reference"
            and self._field != "data.train"
            and _is_text(column.type)
        ):
            return  # an answer to compare with may be its text alone
        if not _is_chat(column.type):
            raise self._of_type(name, column.type, _WANTED)
        if must:
            self._refuse_first(pc.is_null(column), name, "nothing (null)", _WANTED)
        if name in ("prompt", "messages"):
            empty = pc.equal(pc.list_value_length(column), 0)
            self._refuse_first(empty, name, "an empty list", "at least one message")
        self._check_roles(name, column, None)

    def check_candidates(self) -> None:
        name, wanted = "candidates", f"a list of completions, each {_WANTED}"
        column = self._rows.column(name)
        kind = column.type
        if not (_is_list(kind) and _is_chat(kind.value_type)):
            raise self._of_type(name, kind, wanted)
        self._refuse_first(pc.is_null(column), name, "nothing (null)", wanted)
        each, rows = pc.list_flatten(column), pc.list_parent_indices(column)
        self._refuse_first(pc.is_null(each), name, "a completion of null", wanted, rows)
        self._check_roles(name, each, rows)

    def check_groups(self) -> None:
        """Groups are places, one for each candidate; null where nobody ranked it."""
        column = self._rows.column("groups")
        wanted = "a list with one number (or null) for each of the candidates"
        kind = column.type
        if not _is_list(kind) or not _is_number(kind.value_type):
            raise self._of_type("groups", kind, wanted)
        sizes = [
            pc.fill_null(pc.list_value_length(self._rows.column(name)), -1)
            for name in ("groups", "candidates")
        ]
        apart = pc.not_equal(*sizes)
        self._refuse_first(apart, "groups", "a list of another length", wanted)
        each, rows = pc.list_flatten(column), pc.list_parent_indices(column)
        self._refuse_first(_not_finite(each), "groups", "NaN or infinity", wanted, rows)

    def check_labels(self) -> None:
        """Labels of single completions are true, false, or null for neither."""
        wanted = "true, false, or null for neither"
        column = self._rows.column("label")
        if pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
            return
        if not pa.types.is_integer(column.type):
            raise self._of_type("label", column.type, wanted)
        odd = pc.invert(pc.is_in(column, pa.array([0, 1, None], column.type)))
        self._refuse_first(odd, "label", "another number than 0 and 1", wanted)

    def check_numbers(self, name: str) -> None:
        column = self._rows.column(name)
        least, most = BOUNDS.get(name, (None, None))
        wanted = (
            "a finite number" if least is None else f"a number of {least:g} or more"
        )
        if most is not None:
            wanted = f"a number from {least:g} to {most:g}"
        wanted += ", or null where nobody said"
        if not _is_number(column.type):
            raise self._of_type(name, column.type, wanted)
        values = column.cast(pa.float64())
        wrong = _not_finite(values)
        if least is not None:
            wrong = pc.or_(wrong, pc.fill_null(pc.less(values, least), False))
        if most is not None:
            wrong = pc.or_(wrong, pc.fill_null(pc.greater(values, most), False))
        at = pc.index(wrong, True).as_py()
        if at >= 0:
            self._refuse_first(wrong, name, f"{values[at].as_py()!r}", wanted)

    def _check_roles(self, name: str, chats: pa.Array, rows: pa.Array | None) -> None:
        """Every message must say who speaks."""
        each, parents = pc.list_flatten(chats), pc.list_parent_indices(chats)
        nobody = pc.is_null(pc.struct_field(each, "role"))
        if rows is not None:
            parents = pc.take(rows, parents)
        self._refuse_first(nobody, name, "a message without a role", _WANTED, parents)

    def _refuse_first(
        self,
        wrong: pa.Array,
        name: str,
        found: str,
        wanted: str,
        rows: pa.Array | None = None,
    ) -> None:
        at = pc.index(wrong, True).as_py()
        if at < 0:
            return
        row = at if rows is None else rows[at].as_py()
        raise FixableError(
            f"A row's {name} cannot be used.",
            expected=f"{name}: {wanted}",
            found=f"{found} in row {self._name_of(row)}",
            fix="Mend the row, or leave it out of the data.",
            field=self._field,
        )

    def _name_of(self, row: int) -> str:
        for name in ("row_id", "prompt_id"):
            if name in self._rows.schema.names:
                return str(self._rows.column(name)[row].as_py() or self._before + row)
        return f"{self._before + row} (counted from 0)"

    def _of_type(self, name: str, kind: pa.DataType, wanted: str) -> FixableError:
        return FixableError(
            f"The column {name} has another type than it must.",
            expected=f"{name}: {wanted}",
            found=f"{str(kind)[:200]} in every row, the first being {self._name_of(0)}",
            fix="Write the column again as that; “Rows by hand” in the engine's "
            "README shows how.",
            field=self._field,
        )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_chat(kind: pa.DataType) -> bool:
    if not (_is_list(kind) and pa.types.is_struct(kind.value_type)):
        return False
    message = kind.value_type
    names = [message.field(i).name for i in range(message.num_fields)]
    return all(
        name in names and _is_text(message.field(name).type)
        for name in ("role", "content")
    )


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_null(kind)
    )


def _not_finite(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type):
        return pa.array([False] * len(values))
    return pc.fill_null(pc.invert(pc.is_finite(values)), False)
