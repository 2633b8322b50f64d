"""Measures restores of a large database, and of one with thousands of small commits after its base, beside `litestream restore`."""

import concurrent.futures, http.client, os, secrets, statistics, subprocess, tempfile, time

from lag import Writer
from litestream import Litestream, environment as plain
from measure import (at_store, clean, database, expect_same_bytes, expect_same_rows, measured, ratio, remove, spread)
from servers import TimingProxy, signed

DELAYS = (0.0, 0.02)


def bench_restores(bench, weed, commits):
    with tempfile.TemporaryDirectory() as folder:
        size = database(folder, "a.db", bench.scaled(1000, 5))
        environment = at_store(weed.port)
        subprocess.run(["cp", "a.db", "p.db"], cwd=folder, check=True)
        measured([bench.binary, "-batch", "a.db"], folder, ".mirror sync\n", environment)
        peer = None
        if bench.litestream:
            peer = Litestream(bench.litestream, f"{folder}/p.db", weed.port, secrets.token_hex(6), once=("-once", "-force-snapshot"))
            peer.wait()
        points = []
        name = f"restore of {size / 1e6:.0f} MB"
        for delay in DELAYS:
            points.append(compare(bench, weed, folder, environment, peer, name, delay, 0))
        limits(bench, weed, folder, environment, name, points[0])
        count = bench.scaled(commits, 50)
        write(bench, folder, environment, count)
        if peer:
            peer = write_beside(bench, weed, folder, peer.path, count)
        name = f"restore of {size / 1e6:.0f} MB and {count} small commits"
        for delay in DELAYS:
            points.append(compare(bench, weed, folder, environment, peer, name, delay, count))
        bench.note(f"restores {count}", points)


def write(bench, folder, environment, count):
    """Makes small commits through our shell, each in its own slice; the program merges them as usual."""
    writer = Writer([bench.binary, "-batch", "-durability", "sync", "a.db"], folder, environment)
    for number in range(count):
        writer.say(change(number))
    writer.end()


def change(number):
    return f"UPDATE t SET b={number} WHERE id={number * 7919 % 40000 + 1};SELECT 1;"


def write_beside(bench, weed, folder, path, count):
    """Does the same with sqlite3 and Litestream at intervals of 10 ms, one commit for each interval; they are not compacted yet."""
    writer = Writer(["sqlite3", "-batch", "p.db"], folder, plain())
    writer.say(".timeout 60000\nSELECT 1;")
    proxy = TimingProxy(weed.port)
    peer = Litestream(bench.litestream, f"{folder}/p.db", proxy.port, path, interval="10ms", level="24h")
    time.sleep(3)
    for number in range(count):
        before = len(proxy.puts)
        writer.say(change(number))
        # With the default pacing, a commit waits until the one before has been uploaded.
        end = time.time() + 5
        while len(proxy.puts) == before and time.time() < end:
            time.sleep(0.001)
    time.sleep(2)
    peer.objects = sum(1 for put in proxy.puts if ".ltx" in put.path)
    writer.end()
    peer.close()
    proxy.close()
    return peer


def ours(bench, folder, environment, port):
    remove(folder, "r.db")
    shell = {name: value for name, value in environment.items() if name not in ("S3_BUCKET", "S3_PREFIX")}
    url = f"s3://{environment['S3_BUCKET']}/{environment['S3_PREFIX']}"
    return measured([bench.binary, "-batch", "-mirror", "off", "r.db", f".restore wal --from {url}"], folder,
                    environment=shell | {"S3_HOSTNAME": f"http://127.0.0.1:{port}"})


def theirs(folder, peer, port):
    remove(folder, "l.db")
    return measured(peer.restoring(port, f"{folder}/l.db"), folder, environment=plain(), fails=True)


def compare(bench, weed, folder, environment, peer, name, delay, count):
    """Runs both in turn; adds lines; returns a point of the plot: delay, commits, seconds of both."""
    proxy = TimingProxy(weed.port, delay)
    runs, other = [ours(bench, folder, environment, proxy.port)], []
    expect_same_bytes(name, folder, "a.db", "r.db")
    requests, failed, beside = traffic(proxy.passed), "", "-"
    before = len(proxy.passed)
    if peer:
        other.append(theirs(folder, peer, proxy.port))
        if os.path.exists(f"{folder}/l.db"):
            expect_same_rows(name, folder, "p.db", "l.db")
        elif count == 0:
            raise SystemExit("litestream restore failed")
        else:
            failed, other = "fails", []
        beside = "Litestream {} GET, {} LIST, {:.0f} MB".format(*traffic(proxy.passed[before:]))
    # Without a delay, the proxy would only cost time.
    if not delay:
        runs, other = [], []
    for _ in range(min(bench.rounds, 3)):
        runs.append(ours(bench, folder, environment, proxy.port if delay else weed.port))
        expect_same_bytes(name, folder, "a.db", "r.db")
        if peer and not failed and not (delay and count):
            other.append(theirs(folder, peer, proxy.port if delay else weed.port))
            expect_same_rows(name, folder, "p.db", "l.db")
    proxy.close()
    name += f", store at {delay * 1000:.0f} ms"
    target = 1 / 20 if count >= 1000 else 1 / 3
    for what, index, unit, digits in (("time", 0, "s", 2), ("processor", 2, "s", 2), ("most memory", 3, "MB", 0)):
        mine = [run[index] for run in runs]
        their = [run[index] for run in other]
        value = ratio(mine, their) if their else None
        if index == 3:
            aim, holds = "<= 128 MB", statistics.median(mine) <= 128
        elif index == 0:
            aim, holds = f"<= {target:.2f}", value <= target if value else "-"
        else:
            aim, holds = "-", "-"
        bench.row(f"{name}: {what}", spread(mine, unit, 1, digits),
                  f"Litestream {spread(their, unit, 1, digits)}" if their else f"Litestream {failed}" if failed else "-",
                  f"{value:.2f}" if value else "-", aim, holds)
    bench.row(f"{name}: requests", "{} GET, {} LIST, {:.0f} MB".format(*requests), beside, "-", "<= 80 GET, 2 LIST",
              requests[0] <= 80 and requests[1] <= 2)
    return [delay, count, [run.wall for run in runs], [run.wall for run in other]]


def traffic(passed):
    """Returns the requests for objects, the requests for lists, and the received MB."""
    reads = [request for request in passed if request.method in ("GET", "HEAD")]
    lists = sum(1 for request in reads if "prefix=" in request.path)
    return len(reads) - lists, lists, sum(request.received for request in reads) / 1e6


def limits(bench, weed, folder, environment, name, point):
    """Measures the necessary steps of a restore: fetching its bytes, decompressing them, writing the file."""
    proxy = TimingProxy(weed.port)
    ours(bench, folder, environment, proxy.port)
    paths = [request.path for request in proxy.passed if request.method == "GET" and "/pages/" in request.path]
    proxy.close()
    found = {"fetching": [], "decompressing": [], "writing": []}
    bodies = []
    for number in range(3):
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            bodies = list(pool.map(lambda path: fetch(weed.port, path), paths))
        found["fetching"].append(time.perf_counter() - start)
    for number, body in enumerate(bodies):
        with open(f"{folder}/part{number}.zst", "wb") as file:
            file.write(body)
    parts = [f"part{number}.zst" for number in range(len(bodies))]
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(f"printf '%s\\n' {' '.join(parts)} | xargs -P {os.cpu_count()} -n 1 zstd -q -d -c > /dev/null",
                       shell=True, cwd=folder, check=True)
        found["decompressing"].append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run(["dd", "if=a.db", "of=w.db", "bs=1M", "conv=fsync", "status=none"], cwd=folder, check=True)
        found["writing"].append(time.perf_counter() - start)
        os.remove(f"{folder}/w.db")
    for part in parts:
        os.remove(f"{folder}/{part}")
    slowest = max(found, key=lambda kind: statistics.median(found[kind]))
    value = ratio(point[2], found[slowest])
    bench.row(f"{name}: against the slowest of what must be done", spread(point[2], "s", 1, 2),
              "; ".join(f"{kind} {spread(times, 's', 1, 2)}" for kind, times in found.items()), f"{value:.2f}", "<= 1.5",
              value <= 1.5)


def fetch(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    status, body = signed(port, "GET", path.split("?")[0], b"", connection)
    connection.close()
    if status != 200:
        raise SystemExit(f"GET {path}: {status}")
    return body
