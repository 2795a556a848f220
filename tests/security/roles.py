"""The roles of docs/security.md, read from its text: what people paste is what the tests run under."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"
COMMAND = re.compile(r'^db\.getSiblingDB\("admin"\)\.runCommand\((\{.*?^\})\)$', re.MULTILINE | re.DOTALL)

Role = dict[str, Any]  # a createRole command


def documented() -> dict[str, Role]:
    """By name. The text between runCommand's parentheses is JSON, so that it is the raw command, too."""
    commands = [json.loads(found) for found in COMMAND.findall(DOCUMENT.read_text())]
    return {command["createRole"]: command for command in commands if "createRole" in command}


def for_names(role: Role, db: str, channel: str | None = None) -> Role:
    """The same role for locks in another database, and for another channel where it is granted by name."""
    text = json.dumps(role).replace('"db": "dlocks"', json.dumps({"db": db})[1:-1])
    if channel:
        text = text.replace('"collection": "mongo_dlock_notif"', json.dumps({"collection": channel})[1:-1])
    return json.loads(text)


def without(role: Role, resource: int, action: str) -> Role:
    """The same role with one action less on its `resource`-th resource."""
    less = json.loads(json.dumps(role))
    less["privileges"][resource]["actions"].remove(action)
    less["privileges"] = [privilege for privilege in less["privileges"] if privilege["actions"]]
    return less


def make_user(root: Any, role: Role, password: str | None = None) -> tuple[str, str]:
    """A new user with that role, under a name of its own; returns its name and password. `root` is a MongoClient."""
    name = "u" + uuid.uuid4().hex[:12]
    password = password or uuid.uuid4().hex
    root.admin.command({**role, "createRole": name})
    root.admin.command("createUser", name, pwd=password, roles=[{"role": name, "db": "admin"}])
    return name, password


def remove_user(root: Any, name: str) -> None:
    root.admin.command("dropUser", name)
    root.admin.command("dropRole", name)
