#!/usr/bin/python3
"""portability.py SUITE: builds, tests and uses dlock on another Debian, in a chroot that is made for it and removed at its end.

The chroot begins with the packages that each Debian has, and those that docs/install.md names; scripts/portability_inside.sh is
what is done in it. Its tests use the server that DLOCK_TEST_URL names. Needs root, and debootstrap. What debootstrap made is kept
in ~/.cache/dlock for 30 days. Status 1: a build or a test failed; 3: no such Debian can be made here, so nothing was tried.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import ENDING, die_with, end_on_signal

PROJECT = Path(__file__).resolve().parent.parent
SUITES = ("bookworm", "trixie", "sid")
FRESH = 30 * 24 * 3600  # seconds for which a base is used: what it lacks by then would have to be downloaded each time
DOCUMENTED = re.compile(r"^\$ sudo apt install --no-install-recommends (.+)$", re.MULTILINE)
PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# In a mount namespace and a PID namespace of its own: nothing stays mounted and no process goes on, however this ends.
# The chroot is a mount, because unshare, which some tests use, wants "/" to be one.
ENTER = """set -eu
root=$1
shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
exec chroot "$root" "$@"
"""


class Failure(Exception):
    """The text says what to do."""


class NotTried(Exception):
    """No such Debian can be made here, which says nothing of dlock. The text says why."""


def documented_packages(text: str) -> list[str]:
    """What docs/install.md says is needed to build dlock."""
    lines = DOCUMENTED.findall(text)
    if len(lines) != 1:
        raise Failure("docs/install.md has no line, or several, that begin with: $ sudo apt install --no-install-recommends")
    return lines[0].split()


def mirror() -> str:
    """Where this Debian's own packages come from."""
    if shutil.which("apt-get") is None:
        raise NotTried("this is no Debian: name a mirror with --mirror URL")
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"],
                            stdout=subprocess.PIPE, text=True, check=False).stdout
    for line in listed.splitlines():
        words = line.split()
        if words[:2] == [release, "main"]:
            return words[2]
    raise NotTried("apt's sources name no Debian mirror: give one with --mirror URL")


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlock"


def remove(folder: Path) -> None:
    """Also if a process that is being killed still writes there."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    raise Failure(f"{folder} cannot be removed")


def run(command: list[str], **options: object) -> int:
    """The status of a process that ends with this one, however that ends."""
    parent = os.getpid()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=lambda: die_with(parent, signal.SIGKILL), **options)
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()


def base(suite: str, named_mirror: str | None) -> Path:
    """What debootstrap makes, from the cache if it is not too old."""
    made = cache() / f"debian-{suite}"
    if made.is_dir() and time.time() - made.stat().st_mtime < FRESH:
        return made
    new = cache() / f"debian-{suite}.new"
    remove(new)
    if shutil.which("debootstrap") is None:
        raise NotTried("there is no debootstrap: install it")
    source = named_mirror or mirror()
    print(f"==> debootstrap {suite}, into {made}", file=sys.stderr, flush=True)
    began = time.monotonic()
    log = cache() / f"debian-{suite}.log"
    with log.open("w") as output:
        if run(["debootstrap", "--variant=minbase", suite, str(new), source], stdout=output, stderr=output) != 0:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            remove(new)
            raise NotTried(f"debootstrap can make no {suite} from {source} here; the end of {log}:\n{end}")
    print(f"    debootstrap: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    os.utime(new)
    remove(made)
    new.rename(made)
    return made


def copy_source(to: Path) -> None:
    """The files of this tree, those that are not committed yet, too; but nothing that was built."""
    names = subprocess.run(["git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           stdout=subprocess.PIPE, check=True).stdout
    for name in names.decode().split("\0"):
        file = PROJECT / name
        if name and file.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, to / name)


def environment() -> list[str]:
    """Nothing of ours, but what leads to the server and to the network."""
    kept = [name for name in os.environ if name == "DLOCK_TEST_URL" or name.lower().endswith("_proxy")]
    return [f"{name}={os.environ[name]}" for name in kept] + [f"PATH={PATHS}", "HOME=/root", "LC_ALL=C.UTF-8", "TERM=dumb"]


def run_in(root: Path, *command: str, **options: object) -> int:
    return run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh", str(root),
                "env", "-i", *environment(), *command], **options)


def configure(etc: Path) -> None:
    for name in ("hosts", "resolv.conf"):  # the base has the ones of the day that it was made
        if Path("/etc", name).exists():
            shutil.copy(Path("/etc", name), etc / name)
    # A mirror that is behind, or is a snapshot, has lists that count as expired. Without Error-Mode, no network is no error.
    (etc / "apt/apt.conf.d/90-dlock").write_text('Acquire::Check-Valid-Until "false";\nAPT::Update::Error-Mode "any";\n')
    # Nobody needs the chroot after a power cut: dpkg need not wait for the disk.
    (etc / "dpkg/dpkg.cfg.d/90-dlock").write_text("force-unsafe-io\n")


def get_lists(root: Path) -> None:
    """What packages the mirror has. This is also the proof that processes can be started in the chroot, and have a network."""
    with tempfile.TemporaryFile("w+") as output:
        if run_in(root, "apt-get", "-qq", "update", stdout=output, stderr=output) != 0:
            output.seek(0)
            raise NotTried(f"in the chroot, apt-get update failed, or nothing can be started:\n{output.read().rstrip()}")


@contextmanager
def fresh_debian(suite: str, named_mirror: str | None) -> Iterator[Path]:
    """A Debian with the source in /src and the lists of packages. It is removed at the end."""
    root = cache() / f"debian-{suite}.work"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"debian-{suite}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failure(f"another ./run portability or ./run package of {suite} is under way") from None
        remove(root)  # of one that was killed
        source = base(suite, named_mirror)
        try:
            subprocess.run(["cp", "-a", str(source), str(root)], check=True)
            copy_source(root / "src")
            configure(root / "etc")
            get_lists(root)
            yield root
        finally:
            remove(root)


def try_on(suite: str, named_mirror: str | None) -> int:
    packages = documented_packages((PROJECT / "docs" / "install.md").read_text())
    with fresh_debian(suite, named_mirror) as root:
        status = run_in(root, "bash", "/src/scripts/portability_inside.sh", *packages)
        evidence = root / "src" / "build-install" / "evidence"
        if status != 0 and evidence.is_dir():
            kept = PROJECT / "build" / "evidence" / f"portability-{suite}"
            remove(kept)
            shutil.copytree(evidence, kept, symlinks=True, ignore_dangling_symlinks=True)
            print(f"evidence: {kept}", file=sys.stderr)
        return status


def main(name: str, about: str, work: Callable[[str, str | None], int]) -> int:
    """The command line, and the status, of this program and of package.py."""
    parser = argparse.ArgumentParser(prog=f"./run {name}", description=about.splitlines()[0].partition(": ")[2])
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--mirror", metavar="URL", help="where Debian's packages are; default: as in apt's sources")
    arguments = parser.parse_args()
    for signum in ENDING:
        signal.signal(signum, end_on_signal)
    try:
        return 1 if work(arguments.suite, arguments.mirror) else 0
    except NotTried as error:
        print(f"{name}: {arguments.suite} was not tried: {error}", file=sys.stderr)
        return 3
    except (Failure, OSError, subprocess.CalledProcessError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main("portability", __doc__, try_on))
