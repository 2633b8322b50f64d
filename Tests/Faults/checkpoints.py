"""Measures checkpoints of other programs beside an idle or a writing mirrored shell.

usage: checkpoints.py PROGRAM [--rounds N] [--mode TRUNCATE|RESTART|FULL] [--seed N]

Another process (Python's sqlite3 with a busy time-out of 5 seconds) writes a little, perhaps waits, and checkpoints; between, the installed
sqlite3 does so, and closes. Fails if a checkpoint was refused, if one took a second, if the mirror began a new generation, or if a
restore differs. Prints the times."""

import os, random, sqlite3, subprocess, sys, time

from servers_here import options
from workload import Place


def main():
    chosen = options(__doc__, rounds=100, mode="TRUNCATE")
    rng = random.Random(chosen.seed)
    folder = Place(chosen.program, "", {})
    folder.url = f"file://{folder.folder}/replica"
    shell = subprocess.Popen([folder.program, "-batch", "-mirror", folder.url, folder.path], stdin=subprocess.PIPE, text=True)
    shell.stdin.write(".timeout 10000\nCREATE TABLE t(a);\n.mirror sync\n")
    shell.stdin.flush()
    while not os.path.exists(folder.path + "-s3pos") or not os.path.getsize(folder.path + "-s3pos"):
        time.sleep(0.01)
    other = sqlite3.connect(folder.path, isolation_level=None, timeout=5)
    times, refused, closed = [], 0, []
    for _ in range(chosen.rounds):
        for _ in range(rng.choice([0, 1, 3, 20])):
            other.execute("INSERT INTO t VALUES(?)", (os.urandom(rng.choice([10, 5000])),))
        if rng.random() < 0.2:
            shell.stdin.write("INSERT INTO t VALUES('session');\n")
            shell.stdin.flush()
        time.sleep(rng.choice([0, rng.random() * 0.1]))
        begun = time.time()
        refused += other.execute(f"PRAGMA wal_checkpoint({chosen.mode})").fetchone()[0]
        times.append(time.time() - begun)
        if rng.random() < 0.1:
            begun = time.time()
            subprocess.run(["sqlite3", "-cmd", ".timeout 5000", folder.path,
                            f"INSERT INTO t VALUES('sqlite3'); PRAGMA wal_checkpoint({chosen.mode})"],
                           check=True, stdout=subprocess.DEVNULL)
            closed.append(time.time() - begun)
    left = os.path.getsize(folder.path + "-wal")
    expected = other.execute("SELECT count(*), sum(length(a)) FROM t").fetchone()
    other.close()
    shell.stdin.close()
    code = shell.wait()
    restored = sqlite3.connect(folder.restore("wal")).execute("SELECT count(*), sum(length(a)) FROM t").fetchone()
    generations = len(os.listdir(os.path.join(folder.folder, "replica", "generations")))
    times.sort()
    at = lambda share: times[min(int(share * len(times)), len(times) - 1)] * 1000
    late = sum(1 for t in times if t > 0.05)
    print(f"seed {chosen.seed}: {len(times)} checkpoints ({chosen.mode}), {refused} refused; p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, "
          f"longest {at(1):.1f} ms, {late} over 50 ms; sqlite3 {max(closed, default=0) * 1000:.0f} ms at most of {len(closed)}; "
          f"log {left} bytes at the end; {generations} generation(s)")
    equal = tuple(restored) >= tuple(expected) and code == 0
    folder.remove()
    sys.exit(0 if equal and not refused and generations == 1 and times[-1] < 1 else 1)


main()
