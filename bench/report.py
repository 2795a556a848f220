#!/usr/bin/python3
"""What ./run bench does: measures, and writes what it has measured as JSON, Markdown and plots.

  report.py [--out FOLDER] [--quick] [--beside PROGRAM]... [--only STAGE]... [--windows N] [--renew]

FOLDER (default: build/bench) gets figures.json, figures.md and the plots (SVG). --quick: some seconds, one node, and no peer.
--beside: another dlock-bench, of an older version, in the same run: what it can measure, and its hand-offs in turn with those of this
version (the stage "versions"). --only: a part of it: see STAGES. --windows: how many windows of each kind (default: 5).
--renew: docs/performance.md gets these figures and plots.
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
STAGES = ("pairs", "queues", "readers", "held", "local", "others", "async", "watched", "versions", "one-node", "etcd")
Row = dict[str, object]
Verb = list[str]


# --- measuring -------------------------------------------------------------------------------------------------------------------

def on_set(nodes: int, command: Sequence[str]) -> int:
    """Runs a command with a replica set of its own, or with that in DLOCK_TEST_URL."""
    if "DLOCK_TEST_URL" not in os.environ:
        command = [str(ROOT / "scripts" / "replica_set.py"), "run", "--nodes", str(nodes), "--", *command]
    return subprocess.run(command).returncode


def run_verbs(program: Path, name: str, nodes: int, out: Path, verbs: Iterable[Verb]) -> list[Row]:
    """The rows of these verbs, all on one set."""
    part = out / f"part-{name}-{nodes}.jsonl"
    part.write_text("")
    lines = [f'"{program}" --json "{part}" {verb[0]} --url "$DLOCK_TEST_URL" --title "{name}, {nodes} nodes" {" ".join(verb[1:])}'
             for verb in verbs]
    if lines and on_set(nodes, ["sh", "-ec", "\n".join(lines)]):
        raise SystemExit(f"report.py: {name} on {nodes} nodes failed")
    return [json.loads(line) | {"system": name, "nodes": nodes} for line in part.read_text().splitlines()]


def output(program: Path, *words: str) -> str:
    return subprocess.run([program, *words], capture_output=True, text=True).stdout


def stages(program: Path, quick: bool, windows: Sequence[str]) -> dict[str, list[Verb]]:
    """What is measured on three nodes, in this order. What this program does not know is left out: it may be an older version."""
    known = output(program, "--help")
    if "--json" not in known:
        return {}
    verbs = set(re.findall(r"^  ([a-z]+) ", known, re.M))
    modes = output(program, "modes").split()
    queues: list[Verb] = []
    for mode in modes:
        if mode != "durable":  # with somebody waiting, every release is
            most = ["--most", "2"] if quick else ["--most", "10"] if mode == "linger" else []  # nothing lingers in a queue
            queues.append(["contended", "--mode", mode, *windows, *most])
    held = ["holding", "--locks", "1,10" if quick else "10,100,1000,3000", "--window-ms", "1000" if quick else "10000"]
    local = ["local", *windows, *(["--threads", "20"] if quick else [])]
    watched = ["watched", "--watchers", f'"{WATCHERS}"', *(windows if quick else ["--windows", "5", "--window-ms", "10000"])]
    found: dict[str, list[Verb]] = {
        "pairs": [["uncontended", "--mode", mode, *windows] for mode in modes if mode != "turns"],  # nobody is there to take them
        "queues": queues,
        "readers": [["shared", *windows]],
        "held": [held + (["--ttl-ms", "500"] if quick else [])],
        "local": [local]}
    if not quick:
        found |= {"others": [["fairness"], ["bystanders", "--window-ms", "5000"]], "async": [["async", "--window-ms", "10000"]]}
    if program == BENCH:
        found["watched"] = [watched]
    return {stage: [verb for verb in all_ if verb[0] in verbs] for stage, all_ in found.items()}


def versions(beside: Sequence[tuple[str, Path]], quick: bool, windows: int) -> list[Verb]:
    """The same hand-offs by this version, by it again, and by others, in turn. How much it differs from itself is noise."""
    with_ = [f'--with "{name}={program}"' for name, program in [("again", BENCH), *beside]]
    lengths = {2: 600, 10: 600, 100: 4000}  # ms: short windows, since the machine changes from second to second; a long queue needs time
    return [["compare", *with_, "--processes", str(processes), "--hold-ms", str(hold), "--window-ms", str(200 if quick else lengths[processes]),
             "--windows", str(windows if quick or processes == 100 else 4 * windows)]
            for processes, hold in (((2, 10),) if quick else ((2, 10), (10, 10), (100, 10), (10, 0)))]


def measure(quick: bool, beside: Sequence[Path], out: Path, only: Sequence[str] = (), count: int | None = None) -> list[Row]:
    rows: list[Row] = []
    windows = ["--windows", str(count or (1 if quick else 5)), *(["--window-ms", "200"] if quick else [])]
    named = [("before" if number == 0 else f"before-{number + 1}", program) for number, program in enumerate(beside)]
    for name, program in [("dlock", BENCH), *named]:
        chosen = stages(program, quick, windows)
        rows += run_verbs(program, name, 1 if quick else 3, out,
                          [verb for stage, verbs in chosen.items() if not only or stage in only for verb in verbs])
    if named and (not only or "versions" in only):
        rows += run_verbs(BENCH, "versions", 1 if quick else 3, out, versions(named, quick, count or (1 if quick else 5)))
    if not quick and (not only or "one-node" in only):
        rows += run_verbs(BENCH, "dlock", 1, out, [["uncontended", *windows], ["contended", *windows, "--most", "100"],
                                                   ["holding", "--kind", "readers", "--locks", "1000", "--window-ms", "10000"]])
    if not quick and (not only or "etcd" in only):
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


def beside_each_other(rows: Sequence[Row]) -> list[Row]:
    """The systems with the same number of contenders, one after the other."""
    return sorted(rows, key=lambda r: (int(r.get("processes", 1)) * int(r["threads"]), -int(r.get("processes", 1))))


def contenders(row: Row) -> str:
    processes, threads = int(row["processes"]), int(row["threads"])
    if threads == 1:
        return f"{processes} processes"
    return f"{processes * threads} threads in {f'{processes} processes' if processes > 1 else 'one process'}"


def ms(us: object) -> str:
    return f"{us / 1000:.2f} ms" if us >= 100 else f"{us:.1f} us"


def ratio(value: object) -> str:
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.2g}"


def spread(row: Row, what: str) -> str:
    return f"{ratio(row[what + '_ratio'])} ({ratio(row[what + '_least'])} to {ratio(row[what + '_most'])})"


Cells = Callable[[Row], Sequence[str]]
TABLES: Sequence[tuple[str, str, Callable[[Row], bool], Sequence[str], Cells]] = (
    ("An uncontended pair: acquire and release", "uncontended", lambda _: True,
     ("system", "threads", "two raw writes", "pair", "ratio", "pairs/s", "ratio to raw"),
     lambda r: (label(r), f"{r['threads']:.0f}", ms(r["raw_us"]), ms(r["pair_us"]), ratio(r["time_ratio"]),
                f"{r['pairs_per_s']:.0f}", ratio(r["rate_ratio"]))),
    ("A hand-off, with a hold of 10 ms", "contended", lambda r: r["hold_ms"] > 0,
     ("system", "contenders", "raw write", "hand-off", "ratio"),
     lambda r: (label(r), contenders(r), ms(r["write_us"]), ms(r["hand_off_us"]), ratio(r["ratio"]))),
    ("Grants of one lock, without a hold", "contended", lambda r: r["hold_ms"] == 0,
     ("system", "contenders", "grants/s", "grants per raw write"),
     lambda r: (label(r), contenders(r), f"{r['grants_per_s']:.0f}", ratio(r["per_write"]))),
    ("A lease that lingers, and another client wants the lock", "recall", lambda _: True,
     ("system", "raw write", "hand-off", "recall", "ratio to the hand-off", "ratio to the raw write"),
     lambda r: (label(r), ms(r["write_us"]), ms(r["hand_off_us"]), ms(r["recall_us"]), ratio(r["ratio"]),
                ratio(r["recall_us"] / (r["write_us"] + r["insert_us"])))),
    ("Readers of one lock in one process", "shared", lambda _: True,
     ("system", "readers", "acquire and release/s", "ratio to pairs of raw writes"),
     lambda r: (label(r), f"{r['readers']:.0f}", f"{r['pairs_per_s']:.0f}", ratio(r["rate_ratio"]))),
    ("What it costs the server that locks are held by one process", "holding", lambda _: True,
     ("system", "held", "TTL", "primary's CPU", "commands/s", "threads of the process", "leases lost"),
     lambda r: (label(r), f"{r['locks']:.0f} {'readers of one lock' if r['kind'] == 'readers' else 'mutexes'}",
                f"{r['ttl_ms'] / 1000:g} s", f"{r['cpu_percent']:.0f} %", f"{r['commands_per_s']:.0f}", f"{r['threads']:.0f}",
                f"{r['lost']:.0f}")),
    ("Calls that wait in one process, without a thread each", "async", lambda _: True,
     ("system", "calls", "locks", "more threads", "bytes a call", "CPU of a core", "raw write", "from a release to the callback",
      "p99", "ratio of the p99", "all cancelled in"),
     lambda r: (label(r), f"{r['calls']:.0f}", f"{r['locks']:.0f}", f"{r['threads']:.0f}", f"{r['bytes']:.0f}",
                f"{r['idle_percent']:.1f} %", *((ms(r["write_us"]), ms(r["pass_us"]), ms(r["pass_p99_us"]),
                                                 ratio(r["pass_p99_us"] / (r["write_us"] + r["insert_us"])))
                                                if "pass_us" in r else ("",) * 4), f"{r['cancelled_s']:.2f} s")),
    ("A hand-off while somebody looks: the page is open, and metrics are read every 5 s", "watched", lambda _: True,
     ("system", "contenders", "hand-off", "while somebody looks", "ratio"),
     lambda r: (label(r), f"{r['processes']:.0f} processes", ms(r["hand_off_us"]), ms(r["watched_us"]), f"{r['ratio']:.3f}")),
    ("What a hand-off costs the primary while others wait for other locks", "bystanders", lambda _: True,
     ("system", "others", "CPU for a hand-off", "others", "CPU for a hand-off", "ratio"),
     lambda r: (label(r), f"{r['least']:.0f}", ms(r["least_cpu_us"]), f"{r['most']:.0f}", ms(r["most_cpu_us"]), ratio(r["ratio"]))),
    ("Who gets how much of a lock", "fairness", lambda _: True,
     ("system", "processes", "grants", "least of a process", "most of a process", "waiters that were passed"),
     lambda r: (label(r), *(f"{r[key]:.0f}" for key in ("processes", "grants", "least", "most", "bypasses")))),
    ("Versions in turn: ratios to this one, window by window (least to most)", "compare", lambda _: True,
     ("version", "processes", "hold", "raw write", "hand-off", "ratio", "grants/s", "ratio", "primary's CPU for a grant", "ratio"),
     lambda r: (str(r["version"]), f"{r['processes']:.0f}", f"{r['hold_ms']:.0f} ms", ms(r["write_us"]), ms(r["hand_off_us"]),
                spread(r, "hand_off"), f"{r['grants_per_s']:.0f}", spread(r, "grants"), ms(r["cpu_us"]), spread(r, "cpu"))),
)


def text(rows: Sequence[Row], quick: bool) -> str:
    parts = [f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {os.cpu_count()} processors ({platform.machine()}), "
             f"{'one short run' if quick else 'one run'}.\n"]
    for title, what, wanted, head, cells in TABLES:
        found = of(rows, what, wanted)
        if what in ("uncontended", "contended"):
            found = beside_each_other(found)
        if found:
            parts += [f"#### {title}\n", table(head, [cells(row) for row in found])]
    if not of(rows, "uncontended", lambda r: r["system"] == "etcd"):
        parts.append("etcd was not measured in this run.\n")
    return "\n".join(parts)


# --- plots -----------------------------------------------------------------------------------------------------------------------

Curves = dict[str, list[tuple[float, float]]]  # by label


def curves(rows: Sequence[Row]) -> dict[str, tuple[str, str, Curves]]:
    """For each plot: the names of its axes, and what is in it."""
    at = {"grants.svg": (of(rows, "contended", lambda r: r["hold_ms"] == 0 and r["threads"] == 1), "processes", "grants_per_s",
                         "processes", "grants/s"),
          "hand-off.svg": (of(rows, "contended", lambda r: r["hold_ms"] > 0), "processes", "hand_off_us", "processes", "ms"),
          # A lease that lingers is taken a thousand times as often: beside it, all others would be one line.
          "pairs.svg": (of(rows, "uncontended", lambda r: r["mode"] != "linger"), "threads", "pairs_per_s", "threads", "pairs/s"),
          "cpu.svg": (of(rows, "holding"), "locks", "cpu_percent", "locks held", "% of a core")}
    drawn: dict[str, tuple[str, str, Curves]] = {}
    for name, (points, x, y, x_label, y_label) in at.items():
        lines: Curves = {}
        for row in points:
            key = label(row) + (f", {row['kind']}" if "kind" in row else "")
            lines.setdefault(key, []).append((float(row[x]), float(row[y]) / (1000 if y.endswith("_us") else 1)))
        if lines:
            drawn[name] = (x_label, y_label, {key: sorted(points) for key, points in lines.items()})
    return drawn


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
    drawn = curves(rows)
    for name, (x_label, y_label, lines) in drawn.items():
        figure, axes = pyplot.subplots(figsize=(6, 4))
        for key, values in lines.items():
            axes.plot(*zip(*values), marker="o", label=key)
        axes.set(xscale="log", xlabel=x_label, ylabel=y_label, title=PLOTS[name], ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
        figure.tight_layout()
        figure.savefig(out / name, metadata={"Date": None})
        pyplot.close(figure)
    return list(drawn)


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
    parser.add_argument("--only", action="append", default=[], choices=STAGES, metavar="STAGE")
    parser.add_argument("--windows", type=int, metavar="N")
    parser.add_argument("--renew", action="store_true")
    given = parser.parse_args()
    if given.renew and (given.only or given.quick):
        parser.error("--renew needs all figures")
    given.out.mkdir(parents=True, exist_ok=True)
    rows = measure(given.quick, given.beside, given.out, given.only, given.windows)
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
