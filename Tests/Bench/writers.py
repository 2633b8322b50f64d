"""Measures the cost of a mirror for writers: scripts of small transactions, single commits, and the group commit of `sync`."""

import os, statistics, tempfile, threading, time

from lag import Writer
from litestream import Litestream, environment as plain
from measure import (at_store, clean, content, inserts, measured, quantile, ratio, remove, restore, spread, started)
from servers import raw_puts


def bench_writers(bench, weed):
    for connections in (1, 4):
        group_commit(bench, weed, connections, bench.scaled(5, 1))
    for synchronous in ("NORMAL", "FULL"):
        commits(bench, weed, bench.scaled(5000), synchronous)
    for count in (20000, 200000):
        for synchronous in ("NORMAL", "FULL"):
            scripts(bench, weed, bench.scaled(count), synchronous)


def scripts(bench, weed, count, synchronous):
    """The same script without a mirror, with one in a directory, with one in S3, and beside Litestream."""
    script, kinds = inserts(count, synchronous), ("off", "directory", "S3")
    runs = {kind: [] for kind in kinds}
    beside, alone = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(bench.rounds):
            environment = at_store(weed.port)
            for kind in kinds:
                name = f"{kind}.db"
                remove(folder, name, *(["replica"] if kind == "directory" else []))
                arguments = [bench.binary, "-batch", name]
                if kind != "S3":
                    arguments[2:2] = ["-mirror", "off" if kind == "off" else f"file://{folder}/replica"]
                runs[kind].append(measured(arguments, folder, script, environment if kind == "S3" else clean(), b"done"))
            expected = content(folder, "off.db")
            restore(bench.binary, folder, environment, "r.db")
            measured([bench.binary, "-mirror", "off", "q.db", f".restore wal --from file://{folder}/replica --force"], folder)
            for name in ("directory.db", "S3.db", "r.db", "q.db"):
                if content(folder, name) != expected:
                    raise SystemExit(f"{count} INSERTs: {name} is not what was written")
            if bench.litestream and (number == 0 or count <= 20000 or synchronous == "NORMAL"):
                peer(bench, weed, folder, count, synchronous, alone, beside)
    name = f"{count // 1000 if count >= 1000 else count}{'k' if count >= 1000 else ''} autocommit INSERTs, {synchronous}"
    off = runs["off"]
    for kind in kinds[1:]:
        on = runs[kind]
        for what, index, unit, most in (("to the last statement", 1, "s", 1.1), ("processor", 2, "s", 1.5)):
            ours, others = [run[index] for run in on], [run[index] for run in off]
            bench.row(f"{name}, mirror in {kind}: {what}", spread(ours, unit), "mirror off " + spread(others, unit),
                      f"{ratio(ours, others):.2f}", f"<= {most}", ratio(ours, others) <= most)
    if beside:
        bench.row(f"{name}, Litestream beside sqlite3: to the last statement", "-",
                  f"{spread(beside)}; alone {spread(alone)}", f"{ratio(beside, alone):.2f}", "-", "-")


def peer(bench, weed, folder, count, synchronous, alone, beside):
    """sqlite3 alone and beside Litestream, with a busy time-out: without one it stops with `database is locked`."""
    script = inserts(count, synchronous, ".timeout 60000\nPRAGMA journal_mode=WAL;")
    remove(folder, "alone.db", "peer.db")
    alone.append(measured(["sqlite3", "-batch", "alone.db"], folder, script, mark=b"done").done)
    measured(["sqlite3", "peer.db"], folder, "PRAGMA journal_mode=WAL; CREATE TABLE x(a); DROP TABLE x;")
    replica = Litestream(bench.litestream, f"{folder}/peer.db", weed.port, at_store(0)["S3_PREFIX"])
    started(f"{folder}/peer.db")
    beside.append(measured(["sqlite3", "-batch", "peer.db"], folder, script, mark=b"done").done)
    replica.close()
    if content(folder, "peer.db") != content(folder, "alone.db"):
        raise SystemExit("sqlite3 beside Litestream wrote something else")


def commits(bench, weed, count, synchronous):
    """Commits given one by one: how long each takes."""
    times = {kind: [] for kind in ("off", "S3", "sqlite3", "Litestream")}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(bench.rounds):
            for kind in times:
                if kind == "Litestream" and not bench.litestream:
                    continue
                remove(folder, "a.db")
                program = [bench.binary, "-batch"] if kind in ("off", "S3") else ["sqlite3", "-batch"]
                program += ["-mirror", "off"] if kind == "off" else []
                environment = at_store(weed.port) if kind == "S3" else plain()
                writer = Writer(program + ["a.db"], folder, environment)
                writer.say("PRAGMA journal_mode=WAL;")
                writer.say(f"PRAGMA synchronous={synchronous};CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);SELECT 1;")
                writer.shell.stdin.write(b".timeout 60000\n")
                replica = None
                if kind == "Litestream":
                    replica = Litestream(bench.litestream, f"{folder}/a.db", weed.port, at_store(0)["S3_PREFIX"])
                    started(f"{folder}/a.db")
                taken = []
                for number in range(count):
                    line = f"INSERT INTO t(a) VALUES('row number {number}');SELECT 1;\n".encode()
                    start = time.perf_counter()
                    writer.shell.stdin.write(line)
                    writer.answers.readline()
                    taken.append(time.perf_counter() - start)
                if writer.say("SELECT count(*) FROM t;") != str(count):
                    raise SystemExit("not all rows were written")
                writer.end()
                if replica:
                    replica.close()
                if kind == "S3":
                    restore(bench.binary, folder, environment, "r.db")
                    if content(folder, "r.db") != content(folder, "a.db"):
                        raise SystemExit("the restored database is not what was written")
                times[kind].append(taken)

    def text(kind, digits=2):
        runs = times[kind]
        middle = statistics.median(quantile(run, 0.5) for run in runs) * 1e3
        late = statistics.median(quantile(run, 0.99) for run in runs) * 1e3
        return f"{middle:.{digits}f}, {late:.{digits}f}, {spread([max(run) for run in runs], 'ms', 1e3, 1)}"

    worst = [statistics.median(max(run) for run in times[kind]) * 1e3 for kind in ("S3", "off")]
    bench.row(f"{count} commits one by one, {synchronous}: p50, p99, worst", text("S3"), "mirror off " + text("off"),
              f"{worst[0] - worst[1]:+.1f} ms", "<= +20 ms", worst[0] - worst[1] <= 20)
    if bench.litestream:
        bench.row(f"{count} commits one by one, {synchronous}, Litestream: p50, p99, worst", "-",
                  f"{text('Litestream')}; sqlite3 alone {text('sqlite3')}", "-", "-", "-")
    bench.note(f"commits {synchronous}", {kind: runs for kind, runs in times.items() if runs})


def group_commit(bench, weed, connections, seconds):
    """Measures `-durability sync`: commits per second of several shells on one database; all but one of them stand by."""
    rates, slowest, limits = [], [], []
    for _ in range(bench.rounds):
        raw = raw_puts(weed.port, 100)
        environment = at_store(weed.port)
        with tempfile.TemporaryDirectory() as folder:
            writers = []
            for number in range(connections):
                writer = Writer([bench.binary, "-batch", "-durability", "sync", "a.db"], folder, environment)
                writer.shell.stdin.write(b".timeout 60000\n")
                if number == 0:
                    writer.say("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);SELECT 1;")
                writer.say("SELECT 1;")
                writers.append(writer)

            counts, start = [], time.perf_counter()

            def write(writer):
                number = 0
                while time.perf_counter() < start + seconds:
                    writer.say(f"INSERT INTO t(a) VALUES('row number {number}');SELECT 1;")
                    number += 1
                counts.append(number)

            threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.perf_counter() - start
            for writer in reversed(writers):
                writer.end()
            restore(bench.binary, folder, environment, "r.db")
            if content(folder, "r.db") != content(folder, "a.db"):
                raise SystemExit("the restored database is not what was written")
            found = measured(["sqlite3", "r.db", "SELECT count(*) FROM t"], folder).output.strip()
            if int(found) != sum(counts):
                raise SystemExit(f"{found} of {sum(counts)} rows were restored")
        raw += raw_puts(weed.port, 100)
        rates.append(sum(counts) / took)
        slowest.append(min(counts) / took)
        limits.append(connections / statistics.median(raw))
    value = ratio(rates, limits)
    bench.row(f"sync, {connections} connection{'s' if connections > 1 else ''}: commits per second",
              spread(rates, "/s", 1, 0) + (f", {spread(slowest, '/s', 1, 1)} on the slowest" if connections > 1 else ""),
              f"{connections} for each raw PUT: {spread(limits, '/s', 1, 0)}", f"{value:.2f}", ">= 0.8", value >= 0.8)
