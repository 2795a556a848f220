#!/usr/bin/python3
"""What ./run bench does: measures, and writes what it has measured as JSON, Markdown and plots.

  report.py [--out FOLDER] [--quick] [--beside PROGRAM]... [--renew]

FOLDER (default: build/bench) gets figures.json, figures.md and the plots (SVG). --quick: some seconds, one node, and no peer.
--beside: another dlock-bench, of an older version, in the same run. --renew: docs/performance.md gets these figures and plots.
Needs matplotlib for the plots; etcd and build/bench/etcd-peer for the comparison. What is missing is left out, and the text says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "build" / "bin" / "dlock-bench"
WATCHERS = f"{ROOT / 'bench' / 'watchers.py'} {BENCH.with_name('dlock')} '$DLOCK_TEST_URL' dlock_bench"
PERFORMANCE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- begin: figures, by ./run bench --renew -->\n", "<!-- end: figures -->\n"
PLOTS = {"grants.svg": "Grants per second against contenders, without a hold",
         "hand-off.svg": "Time of a hand-off against contenders, with a hold of 10 ms",
         "pairs.svg": "An uncontended pair against threads",
         "cpu.svg": "Server CPU against locks held"}
Row = dict[str, object]


# --- measuring -------------------------------------------------------------------------------------------------------------------

def on_set(nodes: int, command: Sequence[str]) -> int:
    """Runs a command with a replica set of its own, or with that in DLOCK_TEST_URL."""
    if "DLOCK_TEST_URL" not in os.environ:
        command = [str(ROOT / "scripts" / "replica_set.py"), "run", "--nodes", str(nodes), "--", *command]
    return subprocess.run(command).returncode


def bench(program: Path, name: str, nodes: int, out: Path, verbs: Iterable[Sequence[str]]) -> list[Row]:
    """The rows of these verbs, all on one set."""
    part = out / f"part-{name}-{nodes}.jsonl"
    part.unlink(missing_ok=True)
    lines = [f'"{program}" --json "{part}" {verb[0]} --url "$DLOCK_TEST_URL" --title "{name}, {nodes} nodes" {" ".join(verb[1:])}'
             for verb in verbs]
    if on_set(nodes, ["sh", "-ec", "\n".join(lines)]):
        raise SystemExit(f"report.py: {name} on {nodes} nodes failed")
    return [json.loads(line) | {"system": name, "nodes": nodes} for line in part.read_text().splitlines()]


def modes(program: Path) -> list[str]:
    return subprocess.run([program, "modes"], capture_output=True, text=True, check=True).stdout.split()


def measure(quick: bool, beside: Sequence[Path], out: Path) -> list[Row]:
    rows: list[Row] = []
    windows = ["--windows", "1", "--window-ms", "200"] if quick else ["--windows", "5"]
    for number, program in enumerate([BENCH, *beside]):
        name = "dlock" if number == 0 else "before" if number == 1 else f"before-{number}"
        verbs: list[Sequence[str]] = []
        for mode in modes(program):
            verbs.append(["uncontended", "--mode", mode, *windows])
            if mode != "durable":  # with somebody waiting, every release is
                verbs.append(["contended", "--mode", mode, *windows, *(["--most", "2"] if quick else [])])
        verbs.append(["shared", *windows])
        sizes = "1,10" if quick else "10,100,1000,3000"
        verbs.append(["holding", "--locks", sizes, "--window-ms", "1000" if quick else "10000",
                      *(["--ttl-ms", "500"] if quick else [])])
        if not quick:
            verbs += [["fairness"], ["bystanders", "--window-ms", "5000"], ["async", "--window-ms", "10000"]]
        if number == 0:
            verbs.append(["watched", "--watchers", f'"{WATCHERS}"', *(windows if quick else ["--window-ms", "10000"])])
        rows += bench(program, name, 1 if quick else 3, out, verbs)
        if number == 0 and not quick:
            rows += bench(program, name, 1, out, [["uncontended", *windows], ["contended", *windows, "--most", "100"]])
    if not quick:
        rows += etcd(out)
    return rows


def etcd(out: Path) -> list[Row]:
    part = out / "part-etcd.jsonl"
    part.unlink(missing_ok=True)
    if subprocess.run([ROOT / "bench" / "peers" / "etcd.py", "--json", part]).returncode:
        print("report.py: etcd is left out", file=sys.stderr)
        return []
    return [json.loads(line) | {"nodes": 3} for line in part.read_text().splitlines()]


# --- text ------------------------------------------------------------------------------------------------------------------------

def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *body]]
    return "\n".join(lines) + "\n"


def label(row: Row) -> str:
    name = str(row["system"])
    if row.get("mode") not in (None, "plain", name):
        name += f", {row['mode']}"
    return name if row["nodes"] == 3 else f"{name}, {row['nodes']} node"


def of(rows: Sequence[Row], what: str, wanted: Callable[[Row], bool] = lambda _: True) -> list[Row]:
    return [row for row in rows if row["what"] == what and wanted(row)]


def contenders(row: Row) -> str:
    processes, threads = int(row["processes"]), int(row["threads"])
    return f"{processes} processes" if threads == 1 else f"{processes * threads} threads in {processes} processes"


def text(rows: Sequence[Row], quick: bool) -> str:
    cpus = os.cpu_count()
    parts = [f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {cpus} processors ({platform.machine()}), "
             f"{'one short run' if quick else 'one run'}.\n",
             "#### An uncontended pair: acquire and release\n",
             table(["system", "threads", "two raw writes", "pair", "ratio", "pairs/s", "ratio to raw"],
                   [[label(r), f"{r['threads']:.0f}", f"{r['raw_us'] / 1000:.2f} ms", f"{r['pair_us'] / 1000:.2f} ms",
                     f"{r['time_ratio']:.2f}", f"{r['pairs_per_s']:.0f}", f"{r['rate_ratio']:.2f}"]
                    for r in of(rows, "uncontended")]),
             "#### A hand-off, with a hold of 10 ms\n",
             table(["system", "contenders", "raw write", "hand-off", "ratio"],
                   [[label(r), contenders(r), f"{r['write_us'] / 1000:.2f} ms", f"{r['hand_off_us'] / 1000:.2f} ms",
                     f"{r['ratio']:.2f}"] for r in of(rows, "contended", lambda r: r["hold_ms"] > 0)]),
             "#### Grants of one lock, without a hold\n",
             table(["system", "contenders", "grants/s", "grants per raw write"],
                   [[label(r), contenders(r), f"{r['grants_per_s']:.0f}", f"{r['per_write']:.2f}"]
                    for r in of(rows, "contended", lambda r: r["hold_ms"] == 0)]),
             "#### Readers of one lock in one process\n",
             table(["system", "readers", "acquire and release/s", "ratio to pairs of raw writes"],
                   [[label(r), f"{r['readers']:.0f}", f"{r['pairs_per_s']:.0f}", f"{r['rate_ratio']:.2f}"]
                    for r in of(rows, "shared")]),
             "#### What it costs the server that locks are held by one process\n",
             table(["system", "held", "TTL", "primary's CPU", "commands/s", "threads of the process", "leases lost"],
                   [[label(r), f"{r['locks']:.0f} {'readers of one lock' if r['kind'] == 'readers' else 'mutexes'}",
                     f"{r['ttl_ms'] / 1000:g} s", f"{r['cpu_percent']:.0f} %", f"{r['commands_per_s']:.0f}",
                     f"{r['threads']:.0f}", f"{r['lost']:.0f}"] for r in of(rows, "holding")])]
    if of(rows, "async"):
        parts += ["#### Calls that wait in one process, without a thread each\n",
                  table(["system", "calls", "locks", "more threads", "bytes a call", "CPU of a core", "all cancelled in"],
                        [[label(r), f"{r['calls']:.0f}", f"{r['locks']:.0f}", f"{r['threads']:.0f}", f"{r['bytes']:.0f}",
                          f"{r['idle_percent']:.1f} %", f"{r['cancelled_s']:.2f} s"] for r in of(rows, "async")])]
    if of(rows, "watched"):
        parts += ["#### A hand-off while somebody looks: the page is open, and metrics are read every 5 s\n",
                  table(["system", "contenders", "hand-off", "while somebody looks", "ratio"],
                        [[label(r), f"{r['processes']:.0f} processes", f"{r['hand_off_us'] / 1000:.2f} ms",
                          f"{r['watched_us'] / 1000:.2f} ms", f"{r['ratio']:.3f}"] for r in of(rows, "watched")])]
    if not of(rows, "uncontended", lambda r: r["system"] == "etcd"):
        parts.append("etcd was not measured in this run.\n")
    return "\n".join(parts)


# --- plots -----------------------------------------------------------------------------------------------------------------------

def plot(rows: Sequence[Row], out: Path) -> list[str]:
    """The names of the plots that it has drawn."""
    try:
        import matplotlib
    except ImportError:
        print("report.py: no matplotlib, so no plots", file=sys.stderr)
        return []
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dlock"
    from matplotlib import pyplot
    at = {"grants.svg": (of(rows, "contended", lambda r: r["hold_ms"] == 0 and r["threads"] == 1), "processes", "grants_per_s",
                         "processes", "grants/s"),
          "hand-off.svg": (of(rows, "contended", lambda r: r["hold_ms"] > 0), "processes", "hand_off_us", "processes", "ms"),
          "pairs.svg": (of(rows, "uncontended"), "threads", "pairs_per_s", "threads", "pairs/s"),
          "cpu.svg": (of(rows, "holding"), "locks", "cpu_percent", "locks held", "% of a core")}
    drawn = []
    for name, (points, x, y, x_label, y_label) in at.items():
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in points:
            key = label(row) + (f", {row['kind']}" if "kind" in row else "")
            lines.setdefault(key, []).append((float(row[x]), float(row[y]) / (1000 if y.endswith("_us") else 1)))
        if not lines:
            continue
        figure, axes = pyplot.subplots(figsize=(6, 4))
        for key, values in lines.items():
            axes.plot(*zip(*sorted(values)), marker="o", label=key)
        axes.set(xscale="log", xlabel=x_label, ylabel=y_label, title=PLOTS[name], ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
        figure.tight_layout()
        figure.savefig(out / name, metadata={"Date": None})
        pyplot.close(figure)
        drawn.append(name)
    return drawn


def renew(figures: str, drawn: Sequence[str], out: Path) -> None:
    folder = PERFORMANCE.parent / "performance"
    folder.mkdir(exist_ok=True)
    for name in drawn:
        drawing = (out / name).read_text()
        (folder / name).write_text("".join(line.rstrip() + "\n" for line in drawing.splitlines()))  # as the lint wants it
    images = "\n".join(f"![{PLOTS[name]}](performance/{name})\n" for name in drawn)
    page = PERFORMANCE.read_text()
    whole = re.escape(BEGIN) + ".*?" + re.escape(END)
    if not re.search(whole, page, re.S):
        raise SystemExit(f"report.py: {PERFORMANCE} has no place for figures")
    PERFORMANCE.write_text(re.sub(whole, lambda _: f"{BEGIN}\n{figures}\n{images}\n{END}", page, flags=re.S))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", metavar="FOLDER")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--beside", type=Path, action="append", default=[], metavar="PROGRAM")
    parser.add_argument("--renew", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rows = measure(given.quick, given.beside, given.out)
    (given.out / "figures.json").write_text(json.dumps(rows, indent=1) + "\n")
    figures = text(rows, given.quick)
    (given.out / "figures.md").write_text(figures)
    drawn = plot(rows, given.out)
    if given.renew:
        renew(figures, drawn, given.out)
    print(f"\n{figures}\nwritten to {given.out}: figures.json, figures.md{''.join(', ' + name for name in drawn)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
