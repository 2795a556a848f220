#!/usr/bin/python3
"""dlock on a set that takes nothing but TLS, with certificates of a private CA: scripts/replica_set.py run --tls."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from harness import TEST_URL, Case, main  # noqa: E402
from private_set import make_certificates  # noqa: E402


class Tls(Case):
    def setUp(self) -> None:
        super().setUp()
        if "&tls=true" not in TEST_URL:
            self.skipTest("needs a set with TLS: scripts/replica_set.py run --tls")
        self.without_tls, self.tls = TEST_URL.split("&tls=true")

    def run_with(self, url: str, *words: str) -> subprocess.CompletedProcess[str]:
        self.environment["DLOCK_URL"] = url
        return self.run_to_end(*(words or (self.lock, "echo", "ran")))

    def check_works(self, url: str) -> None:
        result = self.run_with(url)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "ran\n", ""))

    def check_refused(self, url: str, *parts: str, at_once: bool) -> None:
        began = time.monotonic()
        result = self.run_with(url, "--connect-timeout", "60" if at_once else "8", self.lock, "echo", "ran")
        self.assertEqual((result.returncode, result.stdout), (125, ""))
        self.assertRegex(result.stderr, r"\Adlock: [^\n]*\n\Z")
        for part in parts:
            self.assertIn(part, result.stderr)
        self.assertLess(time.monotonic() - began, 25)

    def other_ca(self) -> str:
        make_certificates(self.folder, "127.0.0.1")
        return f"&tls=true&tlsCAFile={self.folder}/ca.pem"

    def test_with_the_right_ca(self) -> None:
        self.check_works(TEST_URL)

    def test_one_member_is_enough(self) -> None:
        self.check_works(TEST_URL.replace("replicaSet=dlock&", ""))

    def test_watching_and_looking(self) -> None:
        self.check_works(TEST_URL)
        watch = self.start("-v", verb="watch")
        self.wait_until_said(watch, "dlock: watching\n")
        result = self.run_to_end("-a", verb="ls")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn(self.lock, result.stdout)

    def test_the_doctor_sees_the_certificate(self) -> None:
        """It is for one day."""
        self.check_works(TEST_URL)
        result = self.run_to_end("--json", verb="doctor")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        checks = json.loads(result.stdout)["checks"]
        findings = [each for each in checks if each["level"] == "finding"]
        self.assertEqual({each["check"] for each in findings}, {"certificate"})
        self.assertRegex(findings[0]["what"], r"\Athe certificate of 127\.0\.0\.1:\d+ is valid for 0 more days\Z")
        self.environment["DLOCK_URL"] = TEST_URL + "&tlsAllowInvalidCertificates=true"
        checks = json.loads(self.run_to_end("--json", verb="doctor").stdout)["checks"]
        self.assertEqual({each["check"] for each in checks if each["level"] == "finding"}, {"certificate", "tls"})

    def test_another_ca(self) -> None:
        other = self.other_ca()
        for url in (self.without_tls + other, self.without_tls.replace("replicaSet=dlock", "") + other[1:]):
            self.check_refused(url, "certificate verify failed", "name the CA", "tlsCAFile=FILE", at_once=True)

    def test_no_ca(self) -> None:
        self.check_refused(self.without_tls + "&tls=true", "certificate verify failed", "tlsCAFile=FILE", at_once=True)

    def test_another_host(self) -> None:
        self.check_refused(TEST_URL.replace("127.0.0.1", "localhost"), "hostname mismatch", "as their certificates do", at_once=True)

    def test_files_that_are_no_good(self) -> None:
        missing, junk = self.file("no.pem"), self.file("junk.pem")
        junk.write_text("junk\n")
        for option in ("tlsCAFile", "tlsCertificateKeyFile"):
            self.check_refused(f"{self.without_tls}&tls=true&{option}={missing}",
                               f"cannot read '{missing}', which {option} names: No such file", at_once=True)
            self.check_refused(f"{self.without_tls}&tls=true&{option}={junk}", "check the files", option, at_once=True)

    def test_without_tls(self) -> None:
        self.check_refused(self.without_tls, "with tls=true if it accepts only TLS", at_once=False)

    def test_without_tls_and_one_member(self) -> None:
        url = self.without_tls.replace("replicaSet=dlock", "")
        self.check_refused(url, "with tls=true if it accepts only TLS", at_once=False)


class NoTls(Case):
    def test_tls_to_a_server_without(self) -> None:
        if "&tls=true" in TEST_URL:
            self.skipTest("needs a set without TLS")
        self.environment["DLOCK_URL"] = TEST_URL + "&tls=true"
        result = self.run_to_end("--connect-timeout", "3", self.lock, "true")
        self.assertEqual(result.returncode, 125)
        self.assertRegex(result.stderr, r"\Adlock: [^\n]*and that it accepts TLS\n\Z")


if __name__ == "__main__":
    main()
