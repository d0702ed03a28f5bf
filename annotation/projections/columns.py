"""Rows as columns: one table of types for JSON, Parquet and the way back.

A row is a frozen dataclass; its annotations say all there is to say. Nested
dataclasses and named tuples become structs, chats lists of {role, content}.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

R = TypeVar("R")
Read = Callable[[Any], Any] | None  # None: the value is already as it should be
Columns = tuple[tuple[str, Read], ...]
_kept: dict[tuple[str, type[Any]], Columns] = {}


def column_names(row: type[Any]) -> tuple[str, ...]:
    """Return the columns of a row type, in their order."""
    return tuple(field.name for field in fields(row))


def as_json(row: Any) -> dict[str, Any]:
    """Return a row as JSON and Parquet hold it."""
    return {
        name: write(getattr(row, name)) if write else getattr(row, name)
        for name, write in _writers(type(row))
    }


def from_json(row: type[R], found: Mapping[str, Any]) -> R:
    """Return the row that `as_json` wrote; columns left out get their default."""
    return row(
        **{
            name: read(found[name]) if read else found[name]
            for name, read in _readers(row)
            if name in found
        }
    )


def schema_of(row: type[Any]) -> Any:
    """Return the Arrow schema of a row type. pyarrow comes lazily."""
    import pyarrow as pa

    hints = get_type_hints(row)
    return pa.schema([(name, _arrow(hints[name])) for name in column_names(row)])


def _arrow(kind: Any) -> Any:
    import pyarrow as pa

    simple = {
        str: pa.string(),
        int: pa.int32(),
        float: pa.float64(),
        bool: pa.bool_(),
    }
    kind = _some(kind)
    if kind in simple:
        return simple[kind]
    if get_origin(kind) in (list, Sequence):
        return pa.list_(_arrow(get_args(kind)[0]))
    if get_origin(kind) is Mapping:  # a message
        return pa.struct([("role", pa.string()), ("content", pa.string())])
    if _is_struct(kind):
        hints = get_type_hints(kind)
        return pa.struct([(name, _arrow(hint)) for name, hint in hints.items()])
    raise TypeError(f"a column of type {kind} has no Arrow type; expected {simple}")


def _some(kind: Any) -> Any:
    """Return X of `X | None`, else the type as it is."""
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (part for part in get_args(kind) if part is not types.NoneType)
    return kind


def _is_struct(kind: Any) -> bool:
    return is_dataclass(kind) or hasattr(kind, "_asdict")


def _writers(row: type[Any]) -> Columns:
    if ("write", row) not in _kept:
        _kept["write", row] = _columns(row, _writer)
    return _kept["write", row]


def _readers(row: type[Any]) -> Columns:
    if ("read", row) not in _kept:
        _kept["read", row] = _columns(row, _reader)
    return _kept["read", row]


def _columns(row: type[Any], of: Callable[[Any], Read]) -> Columns:
    hints = get_type_hints(row)
    return tuple((name, of(hints[name])) for name in column_names(row))


def _writer(kind: Any) -> Read:
    kind = _some(kind)
    if get_origin(kind) in (list, Sequence):
        inner = _writer(get_args(kind)[0])
        return _each(inner) if inner else None
    if hasattr(kind, "_asdict"):
        return lambda value: value._asdict()
    if is_dataclass(kind):
        return lambda value: None if value is None else as_json(value)
    return None


def _reader(kind: Any) -> Read:
    kind = _some(kind)
    if get_origin(kind) in (list, Sequence):
        inner = _reader(get_args(kind)[0])
        return _each(inner) if inner else None
    if hasattr(kind, "_asdict"):
        return lambda value: kind(**value)
    if isinstance(kind, type) and is_dataclass(kind):
        return lambda value: None if value is None else from_json(kind, value)
    return None


def _each(one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: None if values is None else [one(value) for value in values]
