#!/usr/bin/python3
"""Makes libFuzzer search for inputs that break a fuzz target.

  fuzz.py [--seconds N] BUILD-DIR TARGET...

Each target starts from its corpus in tests/fuzz, and from inputs of earlier runs that reached new code (BUILD-DIR/fuzz/TARGET/inputs).
Findings are kept in BUILD-DIR/fuzz/TARGET/findings. All targets run, even if one fails. The last line is: N passed, N failed.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
from pathlib import Path

from stress import end_on_signal, start

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "fuzz" / "corpus"
OVERTIME = 60  # seconds that starting, reading the corpus, and the last input may take
MOST = 4096    # bytes of an input: longer ones only take longer
TOLD = 40      # lines of a finding's report


def said(log: str) -> str:
    """Where the report of a finding begins."""
    lines = log.splitlines()
    first = next((i for i, line in enumerate(lines) if re.search(r"not so: |runtime error: |ERROR: ", line)), len(lines) - TOLD)
    return "\n".join(lines[max(first, 0):][:TOLD])


def run(build: Path, target: str, seconds: int) -> bool:
    """Whether nothing was found."""
    program = build / "bin" / f"fuzz_{target}"
    folder = build / "fuzz" / target
    inputs, findings, log = folder / "inputs", folder / "findings", folder / "log"
    for each in (inputs, findings):
        each.mkdir(parents=True, exist_ok=True)
    before = set(inputs.iterdir())
    print(f"==> {target}: {seconds} s", flush=True)
    with log.open("wb") as output:
        fuzzer = start([str(program), f"-max_total_time={seconds}", f"-max_len={MOST}", "-timeout=10", "-print_final_stats=1",
                        f"-artifact_prefix={findings}/", str(inputs), str(CORPUS / target)], stdout=output, stderr=output)
        try:
            status = f"status {fuzzer.wait(seconds + OVERTIME)}"
        except subprocess.TimeoutExpired:
            status = "no end in time"
        finally:
            fuzzer.kill()
            fuzzer.wait()
    text = log.read_text(errors="replace")
    tried = re.search(r"^stat::number_of_executed_units: (\d+)", text, re.M)
    if status == "status 0" and tried:
        print(f"    {target}: tried {tried[1]} inputs and found nothing; {len(set(inputs.iterdir()) - before)} more are in {inputs}")
        return True
    print(said(text))
    for finding in re.findall(r"Test unit written to (\S.*)", text):
        print(f"    {target}: FOUND {finding}; to repeat it: {program} {finding}")
    print(f"    {target}: failed, with {status}; {log} has all it said", flush=True)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("target", nargs="+")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: %(default)s)")
    options = parser.parse_args()
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(name, end_on_signal)
    passed = [run(options.build, target, options.seconds) for target in options.target]
    print(f"{passed.count(True)} passed, {passed.count(False)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
