"""Measures moments read in place behind a slow store, beside Litestream's VFS if its package is installed."""

import os, secrets, statistics, subprocess, sys, tempfile, textwrap, time

from litestream import Litestream, environment as plain
from measure import at_store, database, measured, spread
from servers import KEY, SECRET, TimingProxy

DELAY = 0.02
# Opens a database through Litestream's VFS, runs statements, and prints the seconds of each.
PEER = textwrap.dedent("""
    import sqlite3, sys, time
    import litestream_vfs
    start = time.perf_counter()
    loader = sqlite3.connect(":memory:")
    if not hasattr(loader, "enable_load_extension"):
        sys.exit("this Python cannot load extensions")
    litestream_vfs.load(loader)
    connection = sqlite3.connect("file:bench.db?vfs=litestream", uri=True)
    for sql in sys.argv[1:]:
        connection.execute(sql).fetchall()
        print(time.perf_counter() - start, flush=True)
        start = time.perf_counter()
""")


def lookups(count, rows):
    return [f"SELECT a FROM t WHERE b = {number * 7919 * 31 % 100003} LIMIT 1" for number in range(1, count + 1)]


def bench_past(bench, weed, commits):
    with tempfile.TemporaryDirectory() as folder:
        megabytes = bench.scaled(200, 5)
        database(folder, "a.db", megabytes)
        subprocess.run(["sqlite3", "a.db", "CREATE INDEX tb ON t(b);"], cwd=folder, check=True)
        rows = int(megabytes * 1e6 / 104)
        environment = at_store(weed.port)
        subprocess.run(["cp", "a.db", "p.db"], cwd=folder, check=True)
        measured([bench.binary, "-batch", "a.db"], folder, ".mirror sync\n", environment)
        script = "".join(
            f"UPDATE t SET a = 'changed {number}' WHERE id = {number * 7919 % rows + 1};\n" for number in range(commits))
        measured([bench.binary, "-batch", "a.db"], folder, script, environment | {"S3_SYNC_INTERVAL": "0.05"})
        proxy = TimingProxy(weed.port, DELAY)
        late = environment | {"S3_HOSTNAME": f"http://127.0.0.1:{proxy.port}", "XDG_CACHE_HOME": folder}

        def run(*statements, rounds=bench.rounds, cache="off"):
            """Seconds and requests of a program that opens the newest moment and runs statements."""
            times, requests = [], []
            for _ in range(rounds):
                before, start = proxy.requests, time.perf_counter()
                done = subprocess.run(
                    [bench.binary, "-at", "last", "a.db", *statements], cwd=folder, env=late | {"S3_CACHE": cache},
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                assert done.returncode == 0 and done.stdout, done
                times.append(time.perf_counter() - start)
                requests.append(proxy.requests - before)
            return times, statistics.median(requests)

        peer = peer_times(bench, weed, folder, proxy)
        open_, opening = run("SELECT count(*) FROM sqlite_schema")
        one, first = run(*lookups(1, rows))
        ten, more = run(*lookups(11, rows))
        keys = "SELECT count(a) FROM t WHERE id BETWEEN 1000000 AND 1019999" if rows > 1020000 else \
            "SELECT count(a) FROM t WHERE id < 20000"
        many, twenty = run(keys)
        whole, scan = run("SELECT sum(length(a)) FROM t", rounds=2)
        size = os.path.getsize(f"{folder}/a.db")
        name = f"past of {size / 1e6:.0f} MB and {commits} commits at {DELAY * 1000:.0f} ms"
        median = statistics.median
        cold = (median(ten) - median(one)) / 10
        scanned = median(many) - median(open_)
        bench.row(f"{name}: start to first row by index ({first:.0f} requests)", spread(one), spread(peer[0]) if peer else "-",
                  f"{median(one) / median(peer[0]):.2f}" if peer else "-", "at most 0.2 s", median(one) <= 0.2)
        bench.row(f"{name}: next cold look-up ({(more - first) / 10:.1f} requests)", f"{cold:.3f} s",
                  spread(peer[1]) if peer else "-", "-", "2 requests, 0.05 s", (more - first) / 10 <= 2.2)
        bench.row(f"{name}: 20,000 rows by key ({twenty - opening:.0f} requests)", f"{scanned:.3f} s",
                  spread(peer[2]) if peer else "-", "-", "6 requests, 0.15 s", twenty - opening <= 6 and scanned <= 0.15)
        bench.row(f"{name}: sum over the table ({scan:.0f} requests)", spread(whole), "-", "-", "-", True)
        before = proxy.requests
        start = time.perf_counter()
        done = subprocess.run(
            [bench.binary, "-batch", "-mirror", f"s3://bench/{environment['S3_PREFIX']}", ":memory:",
             f".mirror diff {max(commits - 1000, 0)} last --summary"],
            cwd=folder, env=late | {"S3_CACHE": "off"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0 and b"~" in done.stdout, done
        bench.row(f"{name}: diff of {min(commits, 1000)} commits ({proxy.requests - before} requests)",
                  f"{time.perf_counter() - start:.3f} s", "-", "-", "-", True)


def peer_times(bench, weed, folder, proxy):
    """Measures the first row, the next look-up and 20,000 rows through Litestream's VFS; None if it is not installed."""
    if not bench.litestream:
        return None
    interpreter = os.path.join(os.path.dirname(bench.litestream), "python3")
    if subprocess.run([interpreter, "-c", "import litestream_vfs"], stderr=subprocess.DEVNULL).returncode != 0:
        return None
    path = secrets.token_hex(6)
    Litestream(bench.litestream, f"{folder}/p.db", weed.port, path, once=("-once", "-force-snapshot")).wait()
    url = f"s3://bench/{path}?endpoint=http://127.0.0.1:{proxy.port}&region=us-east-1&forcePathStyle=true"
    found = []
    for _ in range(bench.rounds):
        done = subprocess.run(
            [interpreter, "-c", PEER, *lookups(2, 0), "SELECT a FROM t WHERE id BETWEEN 1000000 AND 1019999"],
            cwd=folder, env=plain() | {
                "LITESTREAM_REPLICA_URL": url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                "LITESTREAM_ACCESS_KEY_ID": KEY, "LITESTREAM_SECRET_ACCESS_KEY": SECRET},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            print(f"Litestream's VFS: {done.stderr.decode()[-400:]}", file=sys.stderr)
            return None
        found.append([float(line) for line in done.stdout.split()])
    return [list(times) for times in zip(*found)]
