#!/usr/bin/python3
"""Searches for a secret in places that must not contain it: files (logs, outputs, core dumps), and the command lines and the memory of
processes.

  find_secret.py [--folder DIR]... [--pid PID]... [--all] [--environment] [--memory]   the secret is read from standard input

Prints each place where it finds the secret. Status 1: it found one; 0: it found none. From Python: find_secret(folder, secret, pids).
"""

from __future__ import annotations

import argparse
import base64
import json
import mmap
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

CHUNK = 1 << 22  # bytes of memory that are looked at together


def forms(secret: str) -> list[bytes]:
    """As it is, as in a URL, as in JSON, as in a header. Case does not count: see pattern()."""
    as_json = json.dumps(secret)[1:-1]
    found = {secret, quote(secret, safe=""), as_json, as_json.replace("/", "\\/")}
    return sorted({form.encode() for form in found} | {base64.b64encode(secret.encode())})


def pattern(secret: str) -> re.Pattern[bytes]:
    if len(secret) < 4:
        raise ValueError("a secret this short is found anywhere; take one of at least 4 characters")
    return re.compile(b"|".join(re.escape(form) for form in forms(secret)), re.IGNORECASE)  # hosts are lower-cased


def in_file(path: Path, wanted: re.Pattern[bytes]) -> str | None:
    """Where in a file of any size; a file that is gone by now has nothing."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                if found := wanted.search(text):
                    return f"{path}: at byte {found.start()}"
    except FileNotFoundError:
        pass
    return None


def in_process(pid: int, wanted: re.Pattern[bytes], environment: bool) -> Iterator[str]:
    for name in ("cmdline", "comm", *(["environ"] if environment else [])):
        try:
            text = Path(f"/proc/{pid}/{name}").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if wanted.search(text):
            yield f"/proc/{pid}/{name}"


def in_memory(pid: int, secret: str) -> Iterator[str]:
    """Where in what a core dump of that process would hold, mapping by mapping; asks for the right to trace it. As it is or
    in lower case: any case takes a pattern ten times as long."""
    wanted = {each for form in forms(secret) for each in (form, form.lower())}
    longest = max(map(len, wanted))
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for begin, end, name in mappings(pid):
            rest = b""
            for at in range(begin, end, CHUNK):
                try:
                    text = rest + os.pread(memory.fileno(), min(CHUNK, end - at), at)
                except OSError:  # a guard page, or the end of a mapped file
                    break
                if any(each in text for each in wanted):
                    yield f"/proc/{pid}/mem: in {name or 'a mapping without a name'}"
                    break
                rest = text[-longest:]


def mappings(pid: int) -> list[tuple[int, int, str]]:
    """Those that can be read. But for the kernel's own, which cannot."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        bounds, rights, *_, name = [*line.split(maxsplit=5), ""][:6]
        if rights.startswith("r") and not name.startswith(("[vvar", "[vsyscall")):
            begin, end = bounds.split("-")
            found.append((int(begin, 16), int(end, 16), name))
    return found


def all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def find_secret(folder: Path | None, secret: str, pids: Iterable[int] = (), environment: bool = False,
                memory: bool = False) -> list[str]:
    """The places where `secret` is found: in the files below `folder`, in what `pids` show of themselves to everybody;
    `environment`: and in what they show to their own user; `memory`: and to who debugs them. What cannot be read is an error,
    not a place without it."""
    wanted = pattern(secret)
    places = []
    for path in sorted(folder.rglob("*")) if folder else []:
        if path.is_file() and not path.is_symlink() and (place := in_file(path, wanted)):
            places.append(place)
    for pid in pids:
        places += in_process(pid, wanted, environment)
        if memory:
            places += in_memory(pid, secret)
    return places


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, action="append", default=[])
    parser.add_argument("--pid", type=int, action="append", default=[])
    parser.add_argument("--all", action="store_true", help="every process of this machine")
    parser.add_argument("--environment", action="store_true", help="the environment of the processes, too")
    parser.add_argument("--memory", action="store_true", help="their memory, too: what a core dump of them would hold")
    options = parser.parse_args()
    secret = sys.stdin.read().rstrip("\n")  # not an argument: those are what everybody can see
    places = []
    try:
        for folder in options.folder:
            if not folder.is_dir():
                parser.error(f"{folder} is no folder")
            places += find_secret(folder, secret)
        pids = all_processes() if options.all else options.pid
        places += find_secret(None, secret, pids, options.environment, options.memory)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for place in places:
        print(place)
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main())
