"""Measures the first copy of a large database: time, processor, memory, bytes, and its effect on a writer."""

import os, secrets, statistics, subprocess, tempfile, time

from lag import Writer
from litestream import Litestream, environment as plain
from measure import (Watch, at_store, database, expect_same_bytes, expect_same_rows, measured, quantile, ratio, remove,
                     restore, spread)
from servers import Seaweed, TimingProxy

MEMORY = "/dev/shm"


def bench_base(bench, weed):
    with tempfile.TemporaryDirectory() as folder:
        size = database(folder, "a.db", bench.scaled(1000, 5))
        name = f"first copy of {size / 1e6:.0f} MB"
        rounds = min(bench.rounds, 3)
        ours, theirs, least = [], [], []
        for number in range(rounds):
            environment = at_store(weed.port)
            ours.append(copy(bench, folder, environment))
            if number == 0:
                restore(bench.binary, folder, environment, "r.db")
                expect_same_bytes(name, folder, "a.db", "r.db")
                remove(folder, "r.db")
            if bench.litestream:
                least.append(copy_by_peer(bench, weed.port, folder, check=number == 0))
                theirs.append(copy_by_peer(bench, weed.port, folder, "-force-snapshot"))
        proxy = TimingProxy(weed.port)
        copy(bench, folder, at_store(proxy.port))
        sent = uploaded(proxy)
        puts = sum(1 for request in proxy.passed if request.method in ("PUT", "POST"))
        proxy.close()
        other, other_sent = "-", None
        if theirs:
            proxy = TimingProxy(weed.port)
            copy_by_peer(bench, proxy.port, folder, "-force-snapshot")
            other_sent = uploaded(proxy)
            proxy.close()
        for what, index, unit, digits in (("time", 0, "s", 2), ("processor", 1, "s", 2), ("most memory", 2, "MB", 0)):
            mine = [run[index] for run in ours]
            value = "-"
            if theirs:
                both = [[run[index] for run in runs] for runs in (theirs, least)]
                value = ratio(mine, both[0])
                other = f"Litestream {spread(both[0], unit, 1, digits)}; without its snapshot {spread(both[1], unit, 1, digits)}"
            if index == 2:
                holds, target = statistics.median(mine) <= 128, "<= 128 MB"
            else:
                holds, target = value <= 1 / 3 if theirs else "-", "<= 0.33"
            bench.row(f"{name}: {what}", spread(mine, unit, 1, digits), other, f"{value:.2f}" if theirs else "-", target, holds)
        bench.row(f"{name}: bytes", f"{sent / 1e6:.0f} MB in {puts} requests",
                  f"Litestream {other_sent / 1e6:.0f} MB" if other_sent else "-",
                  f"{sent / other_sent:.2f}" if other_sent else "-", "<= 0.3", sent <= 0.3 * other_sent if other_sent else "-")
        limits(bench, folder, name, ours)
        beside(bench, weed, folder, name)
        if memory(3 * size):
            # A wait for this disk is also a wait for the disk of the store, unless the store has none.
            apart = Seaweed(bench.weed, MEMORY)
            try:
                beside(bench, apart, folder, f"{name}, store's files in memory")
            finally:
                apart.close()


def memory(needed):
    """Returns whether this many bytes can be kept in memory as files."""
    if not os.path.isdir(MEMORY):
        return False
    room = os.statvfs(MEMORY)
    return room.f_bavail * room.f_frsize > needed


def limits(bench, folder, name, ours):
    """Measures compressing and reading the file alone, on the existing cores."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(["zstd", "-q", "-1", f"-T{os.cpu_count()}", "-c", "a.db"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    bench.row(f"{name}: against compressing it", spread([run[0] for run in ours], "s", 1, 2),
              f"zstd -1 -T{os.cpu_count()} {spread(times, 's', 1, 2)}", f"{ratio([run[0] for run in ours], times):.2f}", "-", "-")


def uploaded(proxy):
    return sum(request.sent for request in proxy.passed if request.method in ("PUT", "POST"))


def copy(bench, folder, environment):
    """Seconds until the base is stored, seconds of processors, MB."""
    remove_record(folder)
    run = measured([bench.binary, "-batch", "a.db"], folder, ".mirror sync\n.mirror status --json\n", environment, b'"base":true')
    if '"base":true' not in run.output:
        raise SystemExit(f"no base: {run.output}")
    return run.done, run.cpu, run.peak


def remove_record(folder):
    if os.path.exists(f"{folder}/a.db-s3pos"):
        os.remove(f"{folder}/a.db-s3pos")


def copy_by_peer(bench, port, folder, *words, check=False):
    """Measures the same with Litestream: the first copy alone, or with the snapshot that Litestream also makes with its defaults."""
    subprocess.run(["rm", "-rf", f"{folder}/.a.db-litestream"], check=True)
    keep(folder)
    start = time.perf_counter()
    peer = Litestream(bench.litestream, f"{folder}/p.db", port, secrets.token_hex(6), once=("-once", *words))
    watch = Watch(peer.process.pid)
    cpu, _ = peer.wait()
    took = time.perf_counter() - start
    peak = watch.end()
    if check:
        measured(peer.restoring(port, f"{folder}/r.db"), folder, environment=plain())
        expect_same_rows("Litestream", folder, "a.db", "r.db")
        remove(folder, "r.db")
    remove(folder, "p.db")
    return took, cpu, peak


def keep(folder):
    """A copy for Litestream, which adds tables to the databases that it follows."""
    remove(folder, "p.db")
    subprocess.run(["cp", "a.db", "p.db"], cwd=folder, check=True)
    descriptor = os.open(f"{folder}/p.db", os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def beside(bench, weed, folder, name):
    """Commits at a steady rate while the base is made and after it."""
    rate = 200
    environment = at_store(weed.port)
    remove_record(folder)
    writer = Writer([bench.binary, "-batch", "a.db"], folder, environment)
    writer.say("SELECT 1;")
    during, after = [], []
    hasBase, end = False, None
    while end is None or time.perf_counter() < end:
        taken = spell(writer, rate)
        (after if hasBase else during).extend(taken)
        if not hasBase and '"base":true' in writer.say(".mirror status --json"):
            hasBase, end = True, time.perf_counter() + max(len(during) / rate, 3)
    writer.end()
    restore(bench.binary, folder, environment, "r.db")
    expect_same_bytes(name, folder, "a.db", "r.db")
    remove(folder, "r.db")

    def text(values):
        return f"{quantile(values, 0.5) * 1e3:.2f}, {quantile(values, 0.99) * 1e3:.2f}, {max(values) * 1e3:.1f} ms"

    more = (max(during) - max(after)) * 1e3
    bench.row(f"{name}: commits meanwhile, p50, p99, worst", text(during), f"after it {text(after)}", f"{more:+.1f} ms",
              "<= +20 ms", more <= 20)
    bench.note("base writer", {"during": during, "after": after})
    if not bench.litestream:
        return
    keep(folder)
    writer = Writer(["sqlite3", "-batch", "p.db"], folder, plain())
    writer.say(".timeout 60000\nSELECT 1;")
    peer = Litestream(bench.litestream, f"{folder}/p.db", weed.port, secrets.token_hex(6))
    taken, end = [], time.perf_counter() + max(2 * len(during) / rate, 25 * bench.scale)
    while time.perf_counter() < end:
        taken += spell(writer, rate)
    writer.end()
    peer.close()
    bench.row(f"{name}: commits meanwhile, sqlite3 beside Litestream", "-", text(taken), "-", "-", "-")


def spell(writer, rate):
    """Half a second of commits; how long each took."""
    taken, start = [], time.perf_counter()
    for number in range(rate // 2):
        time.sleep(max(start + number / rate - time.perf_counter(), 0))
        begun = time.perf_counter()
        writer.say(f"UPDATE t SET b=b+1 WHERE id={number * 37 + 1};SELECT 1;")
        taken.append(time.perf_counter() - begun)
    return taken
