#!/usr/bin/python3
"""Mutation testing: changes src/engine one thing at a time, and checks that a test notices.

  mutants.py [--sample N] [--seed N] [--only FILE[:LINE]] [--jobs N] [--list] BUILD-DIR

A mutant is the engine with one change: another operator or number, a removed statement, or a condition that is always true or false.
Each is linked with the other objects of the tests in BUILD-DIR. It is killed if the engine's tests fail, or else some seeds of the
simulator. The last lines are a table; status 1 if fewer than 95 % are killed. tests/engine/survivors.txt lists survivors whose change has
no visible effect, with the reason. They do not count.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mutations import Mutant, mutants_of
from processes import ENDING, die_with, end_on_signal

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src"
ENGINE = SOURCES / "engine"
SURVIVORS = ROOT / "tests" / "engine" / "survivors.txt"
LEAST = 95                  # percent
TESTS, SIMULATOR = "bin/dlock_engine_tests", "bin/dlock-simulate"
CPU = {TESTS: 4, SIMULATOR: 40}  # seconds; a mutant that computes for longer never ends
MEMORY = 4 << 30
WALL = 600
KEPT = 86_400  # seconds, for which objects of earlier sources stay: another run may use them
KILLED = ("killed by tests", "killed by the simulator", "killed by the limit of its time")


class CannotRun(Exception):
    pass


def run(command: Sequence[str], folder: Path, cpu: int = WALL) -> subprocess.CompletedProcess[str]:
    """A process that ends in time, and with this one."""
    parent = os.getpid()

    def limit() -> None:
        die_with(parent, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    return subprocess.run(command, cwd=folder, preexec_fn=limit, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=WALL)


@cache
def included(file: Path) -> frozenset[Path]:
    """The files of this project that it includes, in the end; itself, too."""
    found = {file}
    for name in re.findall(r'^#include ["<]([^">]+)[">]', file.read_text(), re.M):
        for folder in (file.parent, SOURCES, ROOT / "include", ROOT / "tests", ROOT):
            if (folder / name).is_file():
                found |= included((folder / name).resolve())
                break
    return frozenset(found)


class Build:
    """How BUILD-DIR compiles and links, with the engine's files one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        try:
            entries = json.loads((self.folder / "compile_commands.json").read_text())
        except OSError as missing:
            raise CannotRun(f"{folder} is not configured: {missing}") from missing
        self.commands = {}  # by object
        for entry in entries:
            words = shlex.split(entry["command"])
            self.commands[words[words.index("-o") + 1]] = words
        self.links = {program: self._link(program) for program in (TESTS, SIMULATOR)}
        self.files = sorted(ENGINE.glob("*.cpp"))
        self.compile = self._compile()
        self.base = self.folder / "mutants" / self._sum()

    def _link(self, program: str) -> list[str]:
        done = run(["ninja", "-t", "commands", program], self.folder)
        if done.returncode:
            raise CannotRun(f"{self.folder} has no {program}: {done.stdout}")
        words = shlex.split(done.stdout.splitlines()[-1].split(" && ")[1])
        gold = ["-fuse-ld=gold"] if shutil.which("ld.gold") else []
        return [words[0], "-Wl,-s", *gold, *words[1:]]

    def _compile(self) -> list[str]:
        """Of a file of the engine, without warnings: those of a mutant mean nothing. Not optimised, for that takes longer than tests.
        What is beyond the end of a container is an error, as it is with sanitizers."""
        words = next(words for name, words in self.commands.items() if "/dlock_engine.dir/" in name)
        kept, skip = [words[0]], False
        for word in words[1:]:
            if skip:
                skip = False
            elif word in ("-o", "-c", "-include", "-x"):
                skip = True
            elif not re.match(r"-[OgW]", word):
                kept.append(word)
        return [*kept, "-O0", "-w", "-D_GLIBCXX_ASSERTIONS"]

    def _sum(self) -> str:
        known = hashlib.sha256(repr(self.compile).encode())
        for file in sorted(set().union(*map(included, self.files))):
            known.update(str(file).encode() + b"\0" + file.read_bytes())
        return known.hexdigest()[:20]

    def object_of(self, file: Path) -> str:
        return str(self.base / (file.stem + ".o"))

    def must(self, command: Sequence[str]) -> None:
        done = run(command, self.folder)
        if done.returncode:
            raise CannotRun(f"{' '.join(command)}\n{done.stdout}")

    def make_base(self, jobs: int) -> None:
        """The engine as it is, and its headers read before: what is there from another run, of the same sources, stays."""
        folder = self.base.parent
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            if old != self.base and old.stat().st_mtime < time.time() - KEPT:
                shutil.rmtree(old, ignore_errors=True)
        if self.base.exists():
            return
        parts = Path(tempfile.mkdtemp(dir=folder))
        header = parts / "all.hpp"
        header.write_text("#include <algorithm>\n" + "".join(f'#include "engine/{h.name}"\n' for h in sorted(ENGINE.glob("*.hpp"))))
        tasks = [[*self.compile, "-x", "c++-header", "-c", str(header), "-o", f"{header}.gch"]]
        tasks += [[*self.compile, "-c", str(file), "-o", str(parts / (file.stem + ".o"))] for file in self.files]
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(self.must, tasks))
        try:
            parts.rename(self.base)
        except OSError:  # another run was faster
            shutil.rmtree(parts)

    def objects_in(self, program: str) -> Iterator[str]:
        """Those that are not the engine's, by the files that they are of: of archives, too."""
        for word in self.links[program]:
            folder = re.sub(r"(.*/)?lib(\w+)\.a$", r"\1CMakeFiles/\2.dir/", word) if word.endswith(".a") else None
            if word in self.commands and "/dlock_engine.dir/" not in word:
                yield word
            elif folder and not folder.endswith("/dlock.dir/"):
                yield from (name for name in self.commands if name.startswith(folder))

    def linked(self, program: str, engine: Sequence[str], instead: dict[str, str], to: Path) -> list[str]:
        """The command that links it of these objects."""
        words = list(self.links[program])
        words[words.index("-o") + 1] = str(to)
        words = [instead.get(word, word) for word in words if "/dlock_engine.dir/" not in word]
        first = words.index("-o")
        words[first:first] = [new for new in instead.values() if new not in words]
        # Before the archive that has it, too: what is there already is not taken from that. After all else: of what several objects
        # have, such as the functions of containers, the first is taken, and the engine's here are not optimised.
        last = next((n for n, word in enumerate(words) if word.endswith("/libdlock.a")), first)
        return [*words[:last], *engine, *words[last:]]


@dataclass
class Tried:
    mutant: Mutant
    what: str = ""


@dataclass
class Workshop:
    """Where one mutant after the other is made and tried."""
    build: Build
    seeds: int
    folder: Path
    local: threading.local = field(default_factory=threading.local)

    def place(self) -> Path:
        if not hasattr(self.local, "folder"):
            self.local.folder = Path(tempfile.mkdtemp(dir=self.folder))
        return self.local.folder

    def compiled(self, command: Sequence[str], to: Path) -> str | None:
        to.unlink(missing_ok=True)
        return str(to) if run([*command, "-o", str(to)], self.build.folder).returncode == 0 else None

    def engine(self, mutant: Mutant, overlay: Path, place: Path) -> list[str] | None:
        """The engine's objects; None if one does not compile."""
        out: list[str] = []
        is_header = mutant.file.suffix == ".hpp"
        for file in self.build.files:
            if mutant.file not in included(file):
                out.append(self.build.object_of(file))
                continue
            command = [self.build.compile[0], f"-I{overlay}", *self.build.compile[1:]]
            if not is_header:
                command += ["-include", str(self.build.base / "all.hpp")]
            source = file if is_header else overlay / "engine" / file.name
            made = self.compiled([*command, "-c", str(source)], place / f"{file.stem}.o")
            if made is None:
                return None
            out.append(made)
        return out

    def others(self, mutant: Mutant, program: str, overlay: Path, place: Path) -> dict[str, str] | None:
        """The same of the tests, or the simulator, if they see the mutant: by the objects that they replace."""
        out: dict[str, str] = {}
        if mutant.file.suffix != ".hpp":
            return out
        for number, name in enumerate(self.build.objects_in(program)):
            words = self.build.commands[name]
            if mutant.file not in included(Path(words[words.index("-c") + 1])):
                continue
            at = words.index("-o")
            command = [words[0], f"-I{overlay}", *words[1:at], *words[at + 2:], "-w"]
            made = self.compiled(command, place / f"other-{number}.o")
            if made is None:
                return None
            out[name] = made
        return out

    def ends_well(self, program: str, engine: Sequence[str], instead: dict[str, str], place: Path) -> str:
        """'': it does. Else how not."""
        path = place / Path(program).name
        path.unlink(missing_ok=True)
        linked = run(self.build.linked(program, engine, instead, path), self.build.folder)
        if linked.returncode:
            raise CannotRun(linked.stdout)
        words = ["--gtest_fail_fast", "--gtest_brief=1"] if program == TESTS else ["--seeds", f"1..{self.seeds}"]
        try:
            done = run([str(path), *words], place, CPU[program])
        except subprocess.TimeoutExpired:
            return KILLED[2]
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return KILLED[2]
        return (KILLED[0] if program == TESTS else KILLED[1]) if done.returncode else ""

    def try_it(self, mutant: Mutant) -> Tried:
        place = self.place()
        overlay = place / "src"
        (overlay / "engine").mkdir(parents=True, exist_ok=True)
        path = overlay / "engine" / mutant.file.name
        path.write_text(mutant.text())
        try:
            engine = self.engine(mutant, overlay, place)
            for program in (TESTS, SIMULATOR)[:2 if self.seeds else 1]:
                instead = self.others(mutant, program, overlay, place) if engine else None
                if engine is None or instead is None:
                    return Tried(mutant, "does not compile")
                if how := self.ends_well(program, engine, instead, place):
                    return Tried(mutant, how)
            return Tried(mutant, "survived")
        finally:
            path.unlink()

    def must_end_well(self) -> None:
        """The engine as it is."""
        for program in (TESTS, SIMULATOR)[:2 if self.seeds else 1]:
            if how := self.ends_well(program, [self.build.object_of(file) for file in self.build.files], {}, self.place()):
                raise CannotRun(f"{program} fails although nothing was changed: {how}")


def all_mutants() -> list[Mutant]:
    out = [mutant for file in sorted([*ENGINE.glob("*.cpp"), *ENGINE.glob("*.hpp")]) for mutant in mutants_of(file)]
    for number, mutant in enumerate(out, 1):
        mutant.number = number
    return out


def accepted() -> dict[tuple[str, str, str], str]:
    """What tests/engine/survivors.txt says: the reason of each."""
    out = {}
    for line in SURVIVORS.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split(" :: ")]
        if len(words) != 4 or not all(words):
            raise CannotRun(f"{SURVIVORS}: not 'file function :: line :: as changed :: reason': {line}")
        out[words[0], words[1], words[2]] = words[3]
    return out


def chosen(mutants: list[Mutant], only: str | None, sample: int, seed: int) -> list[Mutant]:
    if only:
        name, _, line = only.partition(":")
        mutants = [m for m in mutants if m.file.name == Path(name).name and (not line or m.line <= int(line) <= m.last_line)]
        if not mutants:
            raise CannotRun(f"there is no mutant of {only}")
    # By their texts: a change of the sources leaves the others of a sample as they are, and a larger sample has the smaller one in it.
    ranked = sorted(mutants, key=lambda m: hashlib.sha256(repr((seed, m.file.name, *m.key())).encode()).digest())
    return sorted(ranked[:sample], key=lambda m: m.number)


def report(tried: list[Tried], known: dict[tuple[str, str, str], str], seconds: float) -> int:
    counts = Counter(each.what for each in tried)
    survivors = [each.mutant for each in tried if each.what == "survived"]
    unknown = [m for m in survivors if m.key() not in known]
    killed = sum(counts[what] for what in KILLED)
    alive = {m.key() for m in survivors}
    for each in tried:
        if each.what in KILLED and each.mutant.key() in known.keys() - alive:
            print(f"killed, though survivors.txt has it: {each.mutant}")
    if unknown:
        print("\nsurvived:")
    for mutant in unknown:
        print(f"  {mutant}")
    print()
    for what in KILLED:
        print(f"{what:<36}{counts[what]:5}")
    print(f"{'survived':<36}{len(unknown):5}")
    print(f"{'survived, as survivors.txt says':<36}{len(survivors) - len(unknown):5}")
    print(f"{'did not compile, so not counted':<36}{counts['does not compile']:5}")
    counted = killed + len(unknown)
    percent = 100 * killed / counted if counted else 100.0
    print(f"{killed} of {counted} killed: {percent:.1f} %, of at least {LEAST}; {seconds:.0f} s")
    return 0 if percent >= LEAST else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--sample", type=int, default=200, help="so many, chosen by their texts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of that choice (default: %(default)s)")
    parser.add_argument("--only", metavar="FILE[:LINE]", help="those of one file, or line")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at once (default: one for each processor)")
    parser.add_argument("--seeds", type=int, default=100, help="of the simulator, for what the tests do not see; 0: none (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="print them only")
    options = parser.parse_args()
    for each in ENDING:
        signal.signal(each, end_on_signal)
    began = time.monotonic()
    try:
        everything = all_mutants()
        mutants = chosen(everything, options.only, options.sample, options.seed)
        if options.list:
            for mutant in mutants:
                print(f"{mutant.number:4} {mutant}")
            return 0
        known = accepted()
        there = {m.key() for m in everything}
        for gone in [key for key in known if key not in there]:
            print(f"survivors.txt has what is no mutant any more: {' :: '.join(gone)}")
        build = Build(options.build)
        build.make_base(options.jobs)
        with tempfile.TemporaryDirectory(prefix="dlock-mutants-") as folder:
            workshop = Workshop(build, options.seeds, Path(folder))
            workshop.must_end_well()
            print(f"==> {len(mutants)} of {len(everything)} mutants", flush=True)
            tried = []
            with ThreadPoolExecutor(options.jobs) as pool:
                for each in pool.map(workshop.try_it, mutants):
                    tried.append(each)
                    if each.what == "survived" and each.mutant.key() not in known:
                        print(f"    {len(tried)}: survived: {each.mutant}", flush=True)
                    elif len(tried) % 20 == 0:
                        print(f"    {len(tried)} of {len(mutants)}, after {time.monotonic() - began:.0f} s", flush=True)
        return report(tried, known, time.monotonic() - began)
    except CannotRun as why:
        print(f"mutants: {why}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
