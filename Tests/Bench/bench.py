"""Benchmarks: each figure is a ratio of runs that take turns in one process. Prints a table; checks every result."""

import argparse, json, os, platform, shutil, statistics, subprocess, sys, tempfile, time
from shell import bench_shell
from base import bench_base
from bytes import bench_bytes
from growth import bench_growth
from lag import bench_lag
from measure import Bench
from past import bench_past
from restores import bench_restores
from statements import bench_statements
from writers import bench_writers
from servers import TimingProxy, Seaweed, raw_puts, KEY, SECRET

parser = argparse.ArgumentParser()
parser.add_argument("--binary", required=True)
parser.add_argument("--weed", required=True)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--only", default="")
parser.add_argument("--litestream", default="", help="the program of that name, to compare with")
parser.add_argument("--lag", default="", help="only lag runs whose name holds this")
parser.add_argument("--scale", type=float, default=1.0, help="of rows, commits, seconds and sizes of the parts that are long")
parser.add_argument("--commits", type=int, default=10000, help="small commits after the base that restores begin with")
parser.add_argument("--megabytes", type=int, default=1000, help="the largest database of `growth`")
parser.add_argument("--json", default="", help="file to which figures are added, for report.py")
options = parser.parse_args()
binary = os.path.abspath(options.binary)
options.litestream = options.litestream and os.path.abspath(options.litestream)
rows, notes, loads, parts = [], {}, {}, []


def row(figure, ours, other, ratio, target, holds):
    rows.append((figure, ours, other, ratio, target, holds))
    print(f"{figure}: {ours} | {other} | {ratio} | {target} | {holds}", flush=True)
    if parts:
        save(parts[-1])


def note(name, value):
    notes[name] = value


def save(part):
    """Replaces the rows of a part in the file of figures; rows of an earlier run are kept unless this run has them too."""
    if not options.json:
        return
    figures = {}
    if os.path.exists(options.json):
        with open(options.json) as file:
            figures = json.load(file)
    before = figures.setdefault("parts", {}).get(part, {})
    if before.get("scale") != options.scale:
        before = {"rows": [], "notes": {}}
    lines = [[str(field) for field in line] for line in rows[loads[part][0]:]]
    names = {line[0] for line in lines}
    figures["parts"][part] = {
        "rows": [line for line in before["rows"] if line[0] not in names] + lines, "notes": before["notes"] | notes,
        "load": loads[part][1], "scale": options.scale, "rounds": options.rounds,
        "when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "cores": os.cpu_count(), "kernel": platform.release()}
    with open(options.json + ".new", "w") as file:
        json.dump(figures, file)
    os.replace(options.json + ".new", options.json)


def part(name, function, needs_store=False):
    """Runs a part if the user wants it."""
    if not wanted(name):
        return
    loads[name] = (len(rows), os.getloadavg()[0])
    notes.clear()
    parts.append(name)
    print(f"{name}, load {loads[name][1]:.1f}", flush=True)
    if needs_store:
        weed = Seaweed(options.weed)
        try:
            function(weed)
        finally:
            weed.close()
    else:
        function()
    save(name)


def spread(values, unit="s", scale=1.0):
    values = [value * scale for value in values]
    return f"{statistics.median(values):.3f} {unit} ({min(values):.3f}-{max(values):.3f})"


def wanted(name):
    return not options.only or name in options.only.split(",")


def run(arguments, script, folder, environment=None):
    start = time.perf_counter()
    done = subprocess.run(arguments, input=script, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment or clean())
    took = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{arguments} failed: {done.stderr.decode()[:500]}")
    return took, done.stdout


def clean():
    return {name: value for name, value in os.environ.items() if not name.startswith(("S3_", "AWS_"))}


def dump(folder, name="a.db"):
    return subprocess.run(["sqlite3", name, ".dump"], cwd=folder, stdout=subprocess.PIPE, check=True).stdout


def inserts(count, head="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"):
    lines = [head, "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT); CREATE INDEX i ON t(b);"]
    lines += [f"INSERT INTO t(a,b) VALUES('row number {n} of the table',{n * 7919 % 100003});" for n in range(count)]
    return "\n".join(lines).encode()


def bench_startup():
    ours, theirs = [], []
    for _ in range(100):
        with tempfile.TemporaryDirectory() as folder:
            theirs.append(run(["sqlite3", ":memory:"], b"", folder)[0])
            ours.append(run([binary, ":memory:"], b"", folder)[0])
    ratio = statistics.median(ours) / statistics.median(theirs)
    row("start-up, empty script", spread(ours, "ms", 1e3), "sqlite3 " + spread(theirs, "ms", 1e3), f"{ratio:.2f}",
        "<= 2.0", ratio <= 2.0)


def typed(arguments, script, folder):
    """Runs a script from a file; returns the seconds to its last line of output and to the end of the program."""
    with open(f"{folder}/script", "wb") as file:
        file.write(script + b"\nSELECT 'done';\n")
    start = time.perf_counter()
    with open(f"{folder}/script") as file:
        shell = subprocess.Popen(arguments, cwd=folder, stdin=file, stdout=subprocess.PIPE, env=clean())
    while b"done" not in (line := shell.stdout.readline()):
        if not line:
            sys.exit(f"{arguments} failed")
    done = time.perf_counter() - start
    if shell.wait() != 0:
        sys.exit(f"{arguments} failed")
    return done, time.perf_counter() - start


def bench_inserts():
    script = inserts(20000)
    off, on = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            off.append(typed([binary, "a.db"], script, folder))
            expected = dump(folder)
        with tempfile.TemporaryDirectory() as folder:
            on.append(typed([binary, "-mirror", f"file://{folder}/replica", "a.db"], script, folder))
            run([binary, "-mirror", "off", "r.db", f".restore wal --from file://{folder}/replica"], b"", folder)
            if dump(folder, "r.db") != expected:
                sys.exit("the restored database differs")
    for index, what in enumerate(("to the last statement", "to the end of the program, all uploaded")):
        ours, others = [pair[index] for pair in on], [pair[index] for pair in off]
        ratio = statistics.median(ours) / statistics.median(others)
        row(f"20k autocommit INSERTs with the mirror, {what}", spread(ours), "without " + spread(others),
            f"{ratio:.2f}", "<= 1.2", ratio <= 1.2)


def new_slices(proxy):
    """Returns when slices were stored; a session's turn has the number of its first slice."""
    times = {}
    for put in proxy.puts:
        if "/wal/" in put.path:
            times[put.path.split("/wal/")[-1][:16]] = put.time
    return sorted(times.values())


def bench_latency(weed, delay):
    proxy = TimingProxy(weed.port, delay)
    raw = raw_puts(proxy.port, 60, 0.02)
    environment = clean() | {
        "S3_HOSTNAME": f"http://127.0.0.1:{proxy.port}", "S3_BUCKET": "bench", "S3_PREFIX": f"lag-{delay}",
        "S3_ACCESS_KEY_ID": KEY, "S3_SECRET_ACCESS_KEY": SECRET, "S3_SYNC_INTERVAL": "0"}
    with tempfile.TemporaryDirectory() as folder:
        shell = subprocess.Popen([binary, "a.db"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env=environment)

        def say(line):
            shell.stdin.write(line + b"\n")
            shell.stdin.flush()
            return shell.stdout.readline()

        say(b"CREATE TABLE t(a); SELECT 1;")
        say(b".mirror sync\nSELECT 1;")
        lags = []
        for number in range(60):
            before = len(new_slices(proxy))
            say(b"INSERT INTO t VALUES(%d); SELECT 1;" % number)
            committed = time.perf_counter()
            while len(found := new_slices(proxy)) == before:
                time.sleep(0.0002)
            lags.append(max(found[before] - committed, 0))
            time.sleep(0.02)
        shell.stdin.close()
        shell.wait()
    proxy.close()
    ratio = statistics.median(lags) / statistics.median(raw)
    name = f"commit to retrievable, after quiet, store at {int(delay * 1000)} ms"
    row(name, spread(lags, "ms", 1e3), "one raw PUT " + spread(raw, "ms", 1e3), f"{ratio:.2f}", "<= 1.5", ratio <= 1.5)


def bench_restore():
    with tempfile.TemporaryDirectory() as folder:
        run([binary, "a.db"], b"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);\n"
            b"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000000)\n"
            b"INSERT INTO t SELECT i, 'row '||i||' '||hex(i*7919), i*0.37 FROM n;", folder)
        size = os.path.getsize(f"{folder}/a.db")
        run([binary, "-mirror", f"file://{folder}/replica", "a.db"], b"UPDATE t SET c=0 WHERE a%1000=0;\n.mirror sync\n",
            folder)
        restores, copies = [], []
        for _ in range(options.rounds):
            if os.path.exists(f"{folder}/r.db"):
                os.remove(f"{folder}/r.db")
            start = time.perf_counter()
            shutil.copyfile(f"{folder}/a.db", f"{folder}/c.db")
            with open(f"{folder}/c.db") as file:
                os.fsync(file.fileno())
            copies.append(time.perf_counter() - start)
            restores.append(run([binary, "-mirror", "off", "r.db", f".restore wal --from file://{folder}/replica"], b"",
                                folder)[0])
        with open(f"{folder}/a.db", "rb") as one, open(f"{folder}/r.db", "rb") as two:
            if one.read() != two.read():
                sys.exit("the restored file differs")
        median = statistics.median(restores)
        row(f".restore wal of {size / 1e6:.0f} MB", f"{spread(restores)}, {size / 1e6 / median:.0f} MB/s",
            "copy with fsync " + spread(copies), f"{median / statistics.median(copies):.2f}", "-", "-")


bench = Bench(binary, options.weed, options.litestream, options.rounds, options.scale, row, note)


def latencies(weed):
    bench_latency(weed, 0.0)
    bench_latency(weed, 0.05)


part("startup", bench_startup)
part("shell", lambda: bench_shell(binary, options.rounds, row))
part("inserts", bench_inserts)
part("statements", lambda: bench_statements(binary, options.rounds, row))
part("latency", latencies, needs_store=True)
part("lag", lambda weed: bench_lag(binary, weed, options.litestream, row, options.lag, note), needs_store=True)
part("writers", lambda weed: bench_writers(bench, weed), needs_store=True)
part("bytes", lambda weed: bench_bytes(bench, weed), needs_store=True)
part("base", lambda weed: bench_base(bench, weed), needs_store=True)
part("restore", bench_restore)
part("restores", lambda weed: bench_restores(bench, weed, options.commits), needs_store=True)
part("past", lambda weed: bench_past(bench, weed, 60), needs_store=True)
part("past 10000", lambda weed: bench_past(bench, weed, bench.scaled(options.commits, 50)), needs_store=True)
part("growth", lambda weed: bench_growth(bench, weed, options.megabytes), needs_store=True)
print()
header = ("figure", "ours", "beside it", "ratio", "target", "holds")
for line in [header] + rows:
    print("| " + " | ".join(str(field) for field in line) + " |")
