"""The planted bugs, which are patches of src/ and reference/, and the one copy of the tree in which they are applied and built."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import private_set

ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "chaos" / "planted"

COPIED = ("CMakeLists.txt", "chaos", "cli", "cmake", "include", "reference", "simulator", "src", "tests")
NOT_COPIED = {"__pycache__", "node_modules"}
# Not optimised: it is compiled anew for each patch, and runs for a second.
OPTIONS = ("-G", "Ninja", "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0 -g0", "-DDLOCK_BUILD_EXAMPLES=OFF", "-DDLOCK_BUILD_BENCH=OFF",
           "-DDLOCK_FILE_BY_FILE=dlock;dlock_protocol;dlock_fail_points", "-DCMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE=PRE_TEST")


@dataclass(frozen=True)
class Finder:
    """Who finds a bug: a suite (a program and a filter of its tests), the simulator, or runs of chaos."""

    kind: str
    program: str = ""
    tests: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.kind, self.program if self.kind == "suite" else "", self.tests) if word)


def finder(text: str) -> Finder:
    words = text.split()
    match words:
        case ["suite", program, tests]:
            return Finder("suite", program, tests)
        case ["property", "test", tests]:
            return Finder("property test", "dlock_property_test", tests)
        case ["simulator"]:
            return Finder("simulator", "dlock-simulate")
        case ["chaos"]:
            return Finder("chaos", "chaos-worker")
    raise private_set.SetError(f"'{text}' finds nothing: suite PROGRAM TESTS, property test TESTS, simulator or chaos?")


@dataclass(frozen=True)
class Patch:
    path: Path
    about: str  # what the bug is
    finders: Sequence[Finder]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def cheap(self) -> list[Finder]:
        """Those that take seconds."""
        return [one for one in self.finders if one.kind != "chaos"]

    @property
    def files(self) -> list[str]:
        return re.findall(r"^\+\+\+ b/(\S+)$", self.path.read_text(), re.MULTILINE)


def read(path: Path) -> Patch:
    about, _, rest = path.read_text().partition("\n")
    found = re.match(r"Found by: (.+)\n\n--- a/(?:src|reference)/", rest)
    if not about or not found:
        raise private_set.SetError(f"{path.name}: a line that says what the bug is, one that says 'Found by: ...', an empty one, and a diff of src/ or reference/")
    return Patch(path, about, [finder(each) for each in found.group(1).split("; ")])


def all_patches() -> list[Patch]:
    return [read(path) for path in sorted(PATCHES.glob("*.patch"))]


def named(names: Sequence[str]) -> list[Patch]:
    """Those of these names, or all."""
    known = {each.name: each for each in all_patches()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise private_set.SetError(f"no such planted bugs: {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in names] if names else list(known.values())


def applied(patch: Patch, folder: Path, *, dry: bool = False) -> str:
    """Applies it there, exactly where its context is and nowhere else. What patch(1) says if it cannot, else ''."""
    command = ["patch", "-p1", "--fuzz=0", "--batch", "--forward", "--no-backup-if-mismatch", "--reject-file=-", "-d", str(folder), "-i", str(patch.path)]
    done = subprocess.run(command + (["--dry-run"] if dry else []), capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def _files(folder: Path) -> Iterator[Path]:
    for top in COPIED:
        if (folder / top).is_file():
            yield Path(top)
        for where, folders, files in os.walk(folder / top):
            folders[:] = [each for each in folders if each not in NOT_COPIED]
            for name in files:
                yield (Path(where) / name).relative_to(folder)


class PatchedTree:
    """A copy of the tree and a build of it, in a folder that stays: what was built is built again only where it differs."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self.build_folder = folder / "build"
        self.bin = self.build_folder / "bin"
        self.log = folder / "build.log"
        self._lock = folder / "lock"

    @contextmanager
    def in_use(self) -> Iterator[PatchedTree]:
        """By this process alone, as the tree is now."""
        self.tree.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.log.write_text("")
            self._copy()
            self._run("cmake", "-S", str(self.tree), "-B", str(self.build_folder), "--log-level=WARNING", *OPTIONS)
            yield self

    def _copy(self) -> None:
        """Only what differs, by its content: what an interrupted run left patched, too."""
        wanted = set(_files(ROOT))
        for file in set(_files(self.tree)) - wanted:
            (self.tree / file).unlink()
        for file in wanted:
            self._restore(file)

    def _restore(self, file: Path | str) -> None:
        ours, copy = ROOT / file, self.tree / file
        if not copy.exists() or copy.read_bytes() != ours.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            shutil.copyfile(ours, copy)  # with a new time: it is built again
        copy.chmod(ours.stat().st_mode)

    def build(self, targets: Iterable[str]) -> None:
        self._run("cmake", "--build", str(self.build_folder), "--target", *sorted(set(targets)))

    @contextmanager
    def with_bug(self, patch: Patch) -> Iterator[None]:
        try:
            if said := applied(patch, self.tree):
                raise private_set.SetError(f"{patch.name} cannot be applied:\n{said}")
            yield
        finally:
            for file in patch.files:
                self._restore(file)

    def _run(self, *command: str) -> None:
        launcher = {"CMAKE_CXX_COMPILER_LAUNCHER": "ccache"} if shutil.which("ccache") else {}
        with self.log.open("a") as log:
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=launcher | os.environ)
        if done.returncode:
            raise private_set.SetError(f"{' '.join(command[:3])} failed:\n" + "\n".join(self.log.read_text().splitlines()[-40:]))
