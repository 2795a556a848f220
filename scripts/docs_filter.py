#!/usr/bin/python3
"""docs_filter.py FILE.md: the page as Doxygen reads it, for docs/site.doxyfile.

A link such as run.md#waiting leads to the heading "Waiting" on GitHub. To Doxygen a heading has a name only if the text gives it one,
and names are the same for all pages: so this becomes #run-waiting. A file that is no page of the site is named, not linked. Doxygen
also wants levels of headings without gaps.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]*)(?:#([^)\s]+))?\)")


def slug(heading: str) -> str:
    """As GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def name(page: Path, anchor: str) -> str:
    return f"{page.relative_to(PROJECT).with_suffix('').as_posix().replace('/', '-').lower()}-{anchor}"


def link(page: Path, found: re.Match[str]) -> str:
    text, file, anchor = found[1], found[2], found[3]
    if "://" in file or file.startswith("mailto:"):
        return found[0]
    target = (page.parent / file).resolve() if file else page
    if target.suffix not in (".md", ".hpp") or not target.is_file():
        return text
    if anchor:
        return f"[{text}](#{name(target, anchor)})"
    return f"[{text}](@ref {target})" if target.suffix == ".md" else text


def filtered(page: Path) -> str:
    out: list[str] = []
    in_code, level = False, 1
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            line = LINK.sub(lambda found: link(page, found), line)
            if heading := re.match(r"(#{1,6}) (.+)", line):
                level = min(len(heading[1]), level + 1)
                line = f"{'#' * level} {heading[2]} {{#{name(page, slug(heading[2]))}}}"
        out.append(line)
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sys.stdout.write(filtered(Path(sys.argv[1]).resolve()))
