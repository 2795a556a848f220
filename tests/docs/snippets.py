#!/usr/bin/python3
"""snippets.py OUT FILE...: all C++ snippets of these pages (```cpp) and headers (@code) as one source file, which must compile.

Each becomes a function, or stands for itself if it is a program or a function. tests/docs/world.hpp has the names that they use.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BEGIN = re.compile(r"^(?:/// ?)?\s*(?:```cpp|@code\{\.cpp\})\s*$")
END = re.compile(r"^(?:/// ?)?\s*(?:```|@endcode)\s*$")
STANDS_FOR_ITSELF = re.compile(r"^(?:void program|asio::awaitable<)", re.MULTILINE)


def snippets(file: Path) -> Iterator[tuple[int, str]]:
    """The line of each, and its text."""
    begun, lines = 0, []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if begun and END.match(line):
            yield begun, "\n".join(lines)
            begun, lines = 0, []
        elif begun:
            lines.append(re.sub(r"^\s*/// ?", "", line) if file.suffix == ".hpp" else line)
        elif BEGIN.match(line):
            begun = number + 1
    if begun:
        raise SystemExit(f"{file}:{begun}: the snippet has no end")


def source(number: int, file: Path, line: int, text: str) -> str:
    text = re.sub(r"^#include .*$", "", text, flags=re.MULTILINE)  # world.hpp has them
    place = f'#line {line} "{file.relative_to(PROJECT)}"\n'
    text = text.replace("int main() {", "void program() {")  # a main need not return anything
    body = text if STANDS_FOR_ITSELF.search(text) else f"[[maybe_unused]] void snippet() {{\n{place}{text}\n}}"
    text = f"namespace snippet_{number} {{\n{place}{body}\n}}\n"
    return f"#ifdef DLOCK_HAS_ASIO\n{text}#endif\n" if "asio::" in body else text


def main() -> int:
    out, files = Path(sys.argv[1]), [Path(name).resolve() for name in sys.argv[2:]]
    parts = ['#include "world.hpp"\n']
    for file in files:
        for line, text in snippets(file):
            parts.append(source(len(parts), file, line, text))
    if len(parts) < 20:
        raise SystemExit(f"there are only {len(parts) - 1} snippets: where are the others?")
    out.write_text("\n".join(parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
