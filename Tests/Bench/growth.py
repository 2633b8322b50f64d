"""Measures how the time of each operation grows with the size of the database and of the log, and with commits and generations."""

import math, os, statistics, subprocess, tempfile, time

from lag import Writer
from measure import at_store, content, database, expect_same_bytes, measured, remove, restore, spread


def bench_growth(bench, weed, megabytes):
    rounds = min(bench.rounds, 5)
    sizes = [size for size in (10, 100, 1000, 4000) if size <= megabytes * max(bench.scale, 0.01)] or [10]
    series(bench, "megabytes of database", [by_size(bench, weed, size, rounds) for size in sizes])
    logs = [bench.scaled(count, 1000) for count in (10000, 100000, 1000000)]
    series(bench, "rows in one transaction that wait in the log", [by_log(bench, weed, count, rounds) for count in logs])
    counts = [bench.scaled(count, 20 * (at + 1)) for at, count in enumerate((1000, 10000, 100000))]
    series(bench, "commits", [by_commits(bench, weed, count, rounds) for count in counts])
    slices = [bench.scaled(count, 10 * (at + 1)) for at, count in enumerate((100, 1000, 10000))]
    series(bench, "slices uploaded", [by_slices(bench, weed, count, rounds) for count in slices])
    series(bench, "generations", [by_generations(bench, weed, count, rounds) for count in (1, 10, bench.scaled(100, 20))])


def series(bench, of, points):
    """Returns table lines for each kind of work: its time at each point, and the steepest exponent between neighbours. If the
    larger time is below 20 ms, the difference is noise."""
    for work in points[0][1]:
        times = [statistics.median(found[work]) for _, found in points]
        exponents = [math.log(times[at + 1] / times[at]) / math.log(points[at + 1][0] / points[at][0])
                     for at in range(len(points) - 1) if times[at + 1] >= 0.02]
        steepest = max(exponents, default=0.0)
        limit = 1.15
        if work == "start-up of an unchanged database" and of.startswith("megabytes"):
            limit = 0.15
        bench.row(f"{work}, by {of}", "; ".join(f"{point}: {time * 1e3:.1f} ms" for (point, _), time in zip(points, times)), "-",
                  f"exponent {steepest:.2f}", f"<= {limit}", steepest <= limit)
    bench.note(f"growth {of}", [[point, found] for point, found in points])


def timed(bench, folder, environment, script, rounds):
    return [measured([bench.binary, "-batch", "a.db"], folder, script, environment).wall for _ in range(rounds)]


def until_prompt(bench, folder, environment, rounds):
    """Seconds until the shell with its mirror has answered a first statement."""
    return [measured([bench.binary, "-batch", "a.db"], folder, "SELECT 'done';\n", environment, b"done").done
            for _ in range(rounds)]


def common(bench, folder, environment, rounds, isLong=False):
    """Measures the operations on any replica. A restore is checked against the database."""
    rounds = 2 if isLong else rounds
    found = {"start-up of an unchanged database": until_prompt(bench, folder, environment, rounds),
             "the same, to the end of the program": timed(bench, folder, environment, "SELECT 1;\n", rounds)}
    found[".mirror list"] = timed(bench, folder, environment, ".mirror list\n", rounds)
    found[".mirror verify"] = timed(bench, folder, environment, ".mirror verify\n", rounds)
    taken = []
    for _ in range(rounds):
        remove(folder, "r.db")
        taken.append(restore(bench.binary, folder, environment, "r.db").wall)
        expect_same_bytes("growth", folder, "a.db", "r.db")
    remove(folder, "r.db")
    found[".restore wal"] = taken
    return found


def by_size(bench, weed, megabytes, rounds):
    with tempfile.TemporaryDirectory() as folder:
        database(folder, "a.db", megabytes)
        environment = at_store(weed.port)
        start = time.perf_counter()
        measured([bench.binary, "-batch", "a.db"], folder, ".mirror sync\n", environment)
        first = [time.perf_counter() - start]
        found = {"first base": first, **common(bench, folder, environment, rounds, isLong=megabytes >= 1000)}
        found["1,000 commits, mirrored"] = [commits(bench, folder, environment, 1000) for _ in range(rounds)]
        found[".mirror snapshot after 1,000 commits"] = timed(bench, folder, environment, ".mirror snapshot\n", 1)
        restore(bench.binary, folder, environment, "r.db")
        expect_same_bytes("growth", folder, "a.db", "r.db")
        return megabytes, found


def commits(bench, folder, environment, count):
    script = "".join(f"UPDATE t SET b=b+1 WHERE id={number * 37 + 1};\n" for number in range(count)) + "SELECT 'done';\n"
    return measured([bench.binary, "-batch", "a.db"], folder, "PRAGMA synchronous=NORMAL;\n" + script, environment, b"done").done


def by_log(bench, weed, rows, rounds):
    """Measures a log that is not mirrored yet, because the store was away during the session that wrote it."""
    taken = []
    for _ in range(min(rounds, 3)):
        with tempfile.TemporaryDirectory() as folder:
            environment = at_store(weed.port)
            measured([bench.binary, "-batch", "a.db"], folder,
                     "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);\n.mirror sync\n", environment)
            away = environment | {"S3_HOSTNAME": "http://127.0.0.1:9", "S3_FLUSH_TIMEOUT": "0.1"}
            measured([bench.binary, "-batch", "a.db"], folder,
                     f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{rows})"
                     " INSERT INTO t SELECT i, 'row number '||i||' of the table' FROM n;\n", away, fails=True)
            run = measured([bench.binary, "-batch", "a.db"], folder, ".mirror sync\nSELECT 'done';\n", environment, b"done")
            taken.append(run.done)
            restore(bench.binary, folder, environment, "r.db")
            if content(folder, "r.db") != content(folder, "a.db"):
                raise SystemExit("the restored database is not what was written")
    return rows, {"start-up and .mirror sync": taken}


def by_commits(bench, weed, count, rounds):
    """Measures a small database under constant change at full speed: many commits in each slice."""
    with tempfile.TemporaryDirectory() as folder:
        environment = at_store(weed.port)
        measured([bench.binary, "-batch", "a.db"], folder,
                 "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT);"
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40000) INSERT INTO t"
                 " SELECT i, 'row '||i, i FROM n;\n.mirror sync\n", environment)
        script = "".join(f"UPDATE t SET b={number} WHERE id={number * 37 % 40000 + 1};\n" for number in range(count))
        run = measured([bench.binary, "-batch", "a.db"], folder,
                       f"PRAGMA synchronous=NORMAL;\n{script}.mirror sync\nSELECT 'done';\n", environment, b"done")
        return count, {"commits, mirrored, to .mirror sync": [run.done], **common(bench, folder, environment, rounds)}


def by_slices(bench, weed, count, rounds):
    """Makes one slice for each commit; the program merges them as usual."""
    with tempfile.TemporaryDirectory() as folder:
        environment = at_store(weed.port)
        writer = Writer([bench.binary, "-batch", "-durability", "sync", "a.db"], folder, environment)
        writer.say("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);SELECT 1;")
        start = time.perf_counter()
        for number in range(count):
            writer.say(f"INSERT INTO t(a) VALUES('row {number}');SELECT 1;")
        took = time.perf_counter() - start
        writer.end()
        return count, {"commits in sync": [took], **common(bench, folder, environment, rounds)}


def by_generations(bench, weed, count, rounds):
    """Measures generations that begin because the database was changed without a mirror."""
    with tempfile.TemporaryDirectory() as folder:
        environment = at_store(weed.port)
        for number in range(count):
            subprocess.run(["sqlite3", "a.db", f"CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES({number});"],
                           cwd=folder, check=True)
            measured([bench.binary, "-batch", "a.db"], folder, "INSERT INTO t VALUES('mirrored');\n.mirror sync\n", environment)
        return count, common(bench, folder, environment, rounds)
