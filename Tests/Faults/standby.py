"""Kills shells that write to one database in `sync`: the one that mirrors, one that stands by, or all; restores after each time.

usage: standby.py PROGRAM --runs N [--shells N] [--store file|s3] [--weed WEED] [--seed N]

A restore must hold every commit that any of them reported as stored, also after another one was killed."""

import os, random, shutil, sqlite3, subprocess, sys, tempfile, threading, time

from servers_here import Store, options
from workload import Place


class Shell:
    """Commits one row after the other, each after the one before was stored."""

    def __init__(self, place, name):
        self.name, self.acknowledged, self.told = name, 0, []
        self.process = subprocess.Popen(
            [place.program, "-batch", "-mirror", place.url, "-durability", "sync", place.path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=place.environment,
            cwd=place.folder, bufsize=0)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.write, self.listen)]
        for thread in self.threads:
            thread.start()

    def write(self):
        try:
            self.process.stdin.write(b".timeout 20000\n")
            while True:
                number = self.acknowledged + 1
                self.process.stdin.write(f"INSERT INTO t VALUES('{self.name}',{number});SELECT 'ack';\n".encode())
                if not self.process.stdout.readline() or self.failed():
                    return
                self.acknowledged = number
        except OSError:
            pass

    def failed(self):
        """Returns whether it printed that a statement failed: an answer after that does not mean that the row is stored."""
        time.sleep(0)
        return any("not mirrored" in line or "rror" in line for line in self.told)

    def listen(self):
        for line in self.process.stderr:
            self.told.append(line.decode(errors="replace").strip())

    def kill(self):
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join(60)


def missing(path, shells):
    """Returns the shells that reported rows as stored that a database lacks."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        found = dict(connection.execute("SELECT w, max(n) FROM t GROUP BY w HAVING max(n) = count(*)"))
    finally:
        connection.close()
    return [f"{shell.name}: {found.get(shell.name, 0)} of {shell.acknowledged}; it said {shell.told[-2:]}"
            for shell in shells if found.get(shell.name, 0) < shell.acknowledged]


def main():
    chosen = options(__doc__, runs=20, shells=3, store="file")
    rng = random.Random(chosen.seed)
    print(f"seed {chosen.seed}, {chosen.runs} kills, {chosen.shells} shells, {chosen.store}", flush=True)
    server = Store(chosen.weed) if chosen.store == "s3" else None
    root = None if server else tempfile.mkdtemp(prefix="faults-replica-")
    place = Place(chosen.program, "s3://bench/standby" if server else f"file://{root}",
                  {"S3_FLUSH_TIMEOUT": "60", **(server.environment if server else {})})
    done = place.shell("CREATE TABLE t(w TEXT, n INTEGER, PRIMARY KEY(w, n));")
    assert done.returncode == 0, done.stderr
    everyone, shells, lost, begun = [], [], 0, time.time()
    for run in range(chosen.runs):
        while len(shells) < chosen.shells:
            shells.append(Shell(place, f"{run}.{len(everyone)}"))
            everyone.append(shells[-1])
            time.sleep(rng.choice([0, 0.05]))
        time.sleep(rng.uniform(0.1, 0.8))
        which = rng.choice(["first", "last", "all"])
        # Kills all at once, as if the machine stops; or one, and the others continue.
        for shell in {"first": shells[:1], "last": shells[-1:], "all": shells}[which]:
            shell.process.kill()
        if which != "all":
            time.sleep(rng.uniform(0.1, 0.8))
            for shell in shells:
                shell.process.kill()
        for shell in shells:
            shell.kill()
        shells = []
        gone = missing(place.restore("wal"), everyone)
        if gone:
            lost += 1
            print(f"run {run}, {which} killed: {gone}", flush=True)
            if os.environ.get("KEEP"):
                sys.exit(f"kept {place.folder} {place.url}; in the database itself: {missing(place.path, everyone) or 'all'}")
    total = sum(shell.acknowledged for shell in everyone)
    print(f"{chosen.runs} kills, {total} commits acknowledged: {lost} lost something acknowledged, {time.time() - begun:.0f} s")
    place.remove()
    if root:
        shutil.rmtree(root, ignore_errors=True)
    if server:
        server.close()
    sys.exit(1 if lost or not total else 0)


main()
