"""The versions of documents, from the entries of MongoDB's oplog (as canonical extended JSON)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


class CannotApply(Exception):
    """The entry does not fit the document, or is none that is known here."""


def plain(value: Any) -> Any:
    """Extended JSON as numbers, texts, lists and dictionaries. Dates are milliseconds since 1970."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, inner), = value.items()
        if kind in ("$numberInt", "$numberLong"):
            return int(inner)
        if kind == "$numberDouble":
            number = float(inner)
            return int(number) if number.is_integer() else number
        if kind == "$date":
            return plain(inner)
        if kind == "$timestamp":
            return inner["t"], inner["i"]
        if kind in ("$oid", "$symbol"):
            return inner
    return {name: plain(each) for name, each in value.items()}


def apply_diff(document: Any, diff: Document) -> Any:
    """The document after an update that was logged as a difference ({"$v": 2, "diff": ...})."""
    if diff.get("a"):
        return _apply_to_list(document, diff)
    if not isinstance(document, dict):
        raise CannotApply(f"a difference of fields, but {document!r} has none")
    out = dict(document)
    for section, content in diff.items():
        if section == "d":
            for name in content:
                out.pop(name, None)
        elif section == "u":
            out.update(content)
        elif section == "i":
            for name, value in content.items():  # goes to the end
                out.pop(name, None)
                out[name] = value
        elif section.startswith("s"):
            if section[1:] not in out:
                raise CannotApply(f"a difference of {section[1:]}, which is not there")
            out[section[1:]] = apply_diff(out[section[1:]], content)
        else:
            raise CannotApply(f"no such part of a difference is known: {section}")
    return out


def _apply_to_list(old: Any, diff: Document) -> list[Any]:
    if not isinstance(old, list):
        raise CannotApply(f"a difference of a list, but {old!r} is none")
    out = list(old)
    if "l" in diff:
        length = diff["l"]
        out = out[:length] + [None] * (length - len(out))
    for section, content in diff.items():
        if section in ("a", "l"):
            continue
        kind, place = section[0], section[1:]
        if kind not in ("u", "s") or not place.isdigit():
            raise CannotApply(f"no such part of a difference of a list is known: {section}")
        index = int(place)
        out += [None] * (index + 1 - len(out))
        out[index] = content if kind == "u" else apply_diff(out[index], content)
    return out


@dataclass
class Change:
    """One document, before and after one entry. None: it is not there."""

    id: Any
    before: Document | None
    after: Document | None
    wall: int  # the server's clock, ms
    line: int


class Collection:
    """All documents of one collection, entry by entry."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.documents: dict[Any, Document] = {}

    def take(self, entry: Document, line: int) -> Iterator[Change]:
        """What an entry (see plain) changes here."""
        op, change = entry.get("op"), entry.get("o")
        if op == "c" and isinstance(change, dict):
            if "applyOps" in change:  # several at once, such as what the TTL index removes
                for inner in change["applyOps"]:
                    yield from self.take({"wall": entry.get("wall"), **inner}, line)
            elif change.get("drop") == self._name.partition(".")[2] and entry["ns"].partition(".")[0] == self._name.partition(".")[0]:
                for key in list(self.documents):
                    yield self._become(key, None, entry, line)
            return
        if entry.get("ns") != self._name or op not in ("i", "u", "d"):
            return
        assert isinstance(change, dict)
        key = (entry["o2"] if op == "u" else change)["_id"]
        if op == "i":
            yield self._become(key, change, entry, line)
        elif op == "d":
            yield self._become(key, None, entry, line)
        elif key not in self.documents:
            raise CannotApply(f"line {line} changes {key}, whose beginning is missing: the oplog is not whole")
        elif "$v" in change:
            yield self._become(key, apply_diff(self.documents[key], change["diff"]), entry, line)
        else:
            yield self._become(key, change, entry, line)

    def _become(self, key: Any, after: Document | None, entry: Document, line: int) -> Change:
        before = self.documents.get(key)
        if after is None:
            self.documents.pop(key, None)
        else:
            self.documents[key] = copy.deepcopy(after)
        return Change(key, before, after, int(entry.get("wall") or 0), line)
