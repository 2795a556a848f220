#!/usr/bin/python3
"""Makes cli/page/bundle, the files of the page in dlock serve, from their sources in cli/page. Run it after a change there, and commit
the bundle, so that a build of dlock needs no npm. It needs npm once, to install the versions in package-lock.json.

  page.py           makes the bundle
  page.py --check   checks that the bundle matches its sources, and has at most 150 kB; status 77: npm's packages are not installed
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import node_modules

PAGE = node_modules.PROJECTS["page"]
BUNDLE = PAGE / "bundle"
MOST_BYTES = 150_000
INSIDE = ("preact", "htm", "uplot")  # what is in it; package.json has the versions


def esbuild(modules: Path, source: str, out: Path) -> None:
    command = [str(modules / ".bin" / "esbuild"), str(PAGE / "src" / source), "--bundle", "--minify", "--target=es2022", "--charset=ascii",
               "--legal-comments=none", "--log-level=warning", f"--outfile={out}"]
    subprocess.run(command, check=True, env={**os.environ, "NODE_PATH": str(modules)})


def licences(modules: Path) -> str:
    parts = ["The page of dlock serve contains the following packages, from npm.\n"]
    for name in INSIDE:
        lines = (modules / name / "LICENSE").read_text().strip().splitlines()
        text = "\n".join(line.rstrip() for line in lines)
        parts.append(f"{'=' * 78}\n{name}\n{'=' * 78}\n\n{text}\n")
    return "\n".join(parts)


def make(modules: Path, folder: Path) -> None:
    esbuild(modules, "main.js", folder / "page.js")
    esbuild(modules, "page.css", folder / "page.css")
    for name in ("index.html", "icon.svg"):
        (folder / name).write_bytes((PAGE / name).read_bytes())
    (folder / "licenses.txt").write_text(licences(modules))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def check(modules: Path) -> int:
    committed = contents(BUNDLE)
    size = sum(map(len, committed.values()))
    print(f"{size} bytes in {len(committed)} files")
    if size > MOST_BYTES:
        print(f"page: cli/page/bundle has more than {MOST_BYTES} bytes", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        make(modules, Path(scratch))
        made = contents(Path(scratch))
    differ = sorted(name for name in {*made, *committed} if made.get(name) != committed.get(name))
    if differ:
        print(f"page: cli/page/bundle is not what its sources give: {', '.join(differ)}; run scripts/page.py", file=sys.stderr)
    return 1 if differ else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    try:
        modules = node_modules.find("page")
        if arguments.check:
            if modules is None:
                print("skipped: npm's packages are not installed; scripts/node_modules.py page --install does that")
                return 77
            return check(modules)
        BUNDLE.mkdir(exist_ok=True)
        make(modules or node_modules.install("page"), BUNDLE)
        print(f"{sum(map(len, contents(BUNDLE).values()))} bytes")
    except (node_modules.Failure, OSError, subprocess.CalledProcessError) as error:
        print(f"page: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
