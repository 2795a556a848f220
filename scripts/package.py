#!/usr/bin/python3
"""package.py SUITE: makes dlock's Debian packages for another Debian, and tries them.

In a chroot of that Debian they are built twice, which must give the same bytes, and lintian must find no error and no warning
(scripts/package_inside.sh). In a second, fresh one they are installed, used and purged (scripts/package_try.sh). They are put into
build/packages/SUITE. Needs root, and debootstrap. Status 1: a step failed; 3: no such Debian can be made here, so nothing was tried.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time

from portability import PROJECT, Failure, documented_packages, fresh_debian, main, remove, run_in


def git(*words: str) -> str:
    """What git says, or "" if it fails: the source may have come without its history."""
    return subprocess.run(["git", "-C", str(PROJECT), *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False).stdout.strip()


def project_version(text: str) -> str:
    found = re.search(r"project\(dlock VERSION (\d+\.\d+\.\d+)", text)
    if not found:
        raise Failure("CMakeLists.txt names no version")
    return found[1]


def version(project: str, tag: str, date: str, commit: str) -> str:
    """Of the packages: the tag's, if the commit has one, or else one before the next release, that rises from day to day."""
    if not tag:
        return f"{project}~{date}.{commit}" if commit else f"{project}~local"
    if tag != f"v{project}":
        raise Failure(f"the tag {tag} and the version {project} of CMakeLists.txt differ")
    return project


def this_version() -> str:
    return version(project_version((PROJECT / "CMakeLists.txt").read_text()), git("describe", "--tags", "--exact-match", "--match", "v*"),
                   git("log", "-1", "--format=%cd", "--date=format:%Y%m%d%H%M"), git("log", "-1", "--format=%h", "--abbrev=9"))


def make(suite: str, mirror: str | None) -> int:
    out = PROJECT / "build" / "packages" / suite
    remove(out)
    packages = documented_packages((PROJECT / "docs" / "install.md").read_text())
    with fresh_debian(suite, mirror) as root:
        status = run_in(root, "bash", "/src/scripts/package_inside.sh", this_version(), git("log", "-1", "--format=%ct") or str(int(time.time())),
                        *packages)
        if status != 0:
            return status
        shutil.copytree(root / "packages", out)
    with fresh_debian(suite, mirror) as root:
        shutil.copytree(out, root / "packages")
        status = run_in(root, "bash", "/src/scripts/package_try.sh")
    print(f"packages: {out}" if status == 0 else f"packages, which did not work: {out}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main("package", __doc__, make))
