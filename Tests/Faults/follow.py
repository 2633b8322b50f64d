"""Follows a replica with `.restore wal --follow` while a writer writes, and reads the copy all the time.

usage: follow.py PROGRAM --runs N [--store file|s3] [--weed WEED] [--seed N]

Each run lasts some seconds. The writer moves amounts between rows, whose sum stays the same, and counts its commits; readers of the copy
check the sum, `PRAGMA integrity_check`, and that the count never goes back, on connections that stay open and on new ones. Writer
and follower are killed at random; now and then a new generation or a base begins, or old history is removed. At the end of a run the
copy must reach the last commit that was reported as stored, and be equal to the database."""

import os, random, shutil, signal, sqlite3, subprocess, sys, tempfile, threading, time

from servers_here import Store, options


class Reader(threading.Thread):
    """Reads the copy on a connection that stays open, and on a new one for each read."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.looks, self.seen, self.changes, self.trouble, self.busy, self.ends = path, 0, -1, 0, None, 0, False

    def look(self, connection):
        connection.execute("begin")
        try:
            total, rows, count = connection.execute(
                "select (select sum(v) from t), (select count(*) from t), (select n from c)").fetchone()
            again = connection.execute("select sum(v), count(*) from t indexed by tv where v > -1000000000").fetchone()
            if self.looks % 5 == 0:
                check = connection.execute("pragma integrity_check").fetchone()[0]
                if check != "ok":
                    raise AssertionError(check)
        finally:
            connection.execute("rollback")
        if total != 0 or again != (0, rows):
            raise AssertionError(f"sum {total}, by index {again}, {rows} rows")
        if count < self.seen:
            raise AssertionError(f"count {count} after {self.seen}")
        if count > self.seen:
            self.changes += 1
        self.seen = count
        self.looks += 1

    def run(self):
        kept = None
        while not self.ends and not self.trouble:
            try:
                if not os.path.exists(self.path):
                    time.sleep(0.05)
                    continue
                if kept is None or self.looks % 97 == 96:
                    kept = sqlite3.connect(self.path, timeout=10, isolation_level=None)
                    kept.execute("pragma mmap_size=100000000" if self.looks % 2 else "pragma mmap_size=0")
                self.look(kept)
                fresh = sqlite3.connect(self.path, timeout=10, isolation_level=None)
                self.look(fresh)
                fresh.close()
                time.sleep(0.002)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) and "unable to open" not in str(error):
                    self.trouble = f"{type(error).__name__}: {error}"
                self.busy += 1
            except (AssertionError, sqlite3.Error) as error:
                self.trouble = f"{type(error).__name__}: {error}"


def main():
    chosen = options(__doc__, runs=10, durability="async", store="file")
    chosen.program = os.path.abspath(chosen.program)
    rng = random.Random(chosen.seed)
    print(f"seed {chosen.seed}, {chosen.runs} runs, {chosen.store}", flush=True)
    server = Store(chosen.weed) if chosen.store == "s3" else None
    failed = 0
    kills = [0, 0]
    looks = changes = busy = 0
    for run in range(chosen.runs):
        folder = tempfile.mkdtemp(prefix="faults-follow-")
        database, copy = f"{folder}/live.db", f"{folder}/copy.db"
        environment = os.environ | {"S3_SYNC_INTERVAL": rng.choice(["0.05", "0.3", "1"])}
        if server:
            environment |= server.environment
            url = f"s3://bench/follow{os.getpid()}-{run}"
        else:
            url = f"file://{folder}/replica"
        page_size = rng.choice([512, 4096, 4096, 16384])

        def start_writer(options=""):
            process = subprocess.Popen(
                [chosen.program, "-mirror", url, database], env=environment, stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, bufsize=1)
            return process

        def start_follower():
            return subprocess.Popen(
                [chosen.program, "-batch"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, cwd=folder)

        def follow():
            process = start_follower()
            process.stdin.write(f".restore wal --from {url} --follow --output {copy}\n")
            process.stdin.flush()
            return process

        def say(process, text):
            try:
                process.stdin.write(text + "\n")
                process.stdin.flush()
            except OSError:
                pass

        writer = start_writer()
        rows = rng.choice([50, 2000])
        say(writer, f"pragma page_size={page_size}; create table t(k integer primary key, v, pad); create index tv on t(v);"
                    "create table c(n); insert into c values(0);"
                    f"insert into t select value, 0, zeroblob(200) from generate_series(1,{rows}); .mirror sync".replace("; .", ";\n."))
        time.sleep(0.5)
        follower = follow()
        reader = Reader(copy)
        reader.start()
        trouble = None
        end = time.time() + rng.uniform(4, 10)
        while time.time() < end and not reader.trouble:
            roll = rng.random()
            if roll < 0.01:
                writer.kill(); writer.wait(); kills[0] += 1
                writer = start_writer()
            elif roll < 0.03:
                follower.kill(); follower.wait(); kills[1] += 1
                follower = follow()
            elif roll < 0.035:
                say(writer, ".mirror snapshot")
            elif roll < 0.04:
                say(writer, f".mirror on {url} --new-generation")
            elif roll < 0.045:
                say(writer, ".mirror prune --keep 0s")
            elif roll < 0.05:
                say(writer, f"delete from t where v=0 and k > {rows}; vacuum;")
            elif roll < 0.06:
                say(writer, f"create table if not exists x{rng.randrange(9)}(a); drop table if exists x{rng.randrange(9)};")
            elif roll < 0.3:
                n = rng.randrange(1, 400)
                say(writer, f"begin; insert into t(v, pad) select 0, randomblob(300) from generate_series(1,{n}); update c set n=n+1; commit;")
            else:
                a, b, x = rng.randrange(1, rows + 1), rng.randrange(1, rows + 1), rng.randrange(1000)
                say(writer, f"begin; update t set v=v+{x} where k={a}; update t set v=v-{x} where k={b}; update c set n=n+1; commit;")
            if follower.poll() is not None:
                trouble = f"the follower ended: {follower.stdout.read()}"
                break
            time.sleep(rng.choice([0, 0.005, 0.03]))
        say(writer, ".mirror sync")
        try:
            error = writer.communicate(timeout=60)[1]
        except subprocess.TimeoutExpired:
            writer.kill()
            error = "the writer hangs"
        live = sqlite3.connect(database)
        want = live.execute("select n from c").fetchone()[0]
        limit = time.time() + 40
        while not trouble and not reader.trouble and reader.seen < want and time.time() < limit and follower.poll() is None:
            time.sleep(0.05)
        reader.ends = True
        reader.join()
        follower.send_signal(signal.SIGINT)
        try:
            said = follower.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            follower.kill()
            said, trouble = "", trouble or "Ctrl-C does not end it"
        trouble = trouble or reader.trouble
        if not trouble and reader.seen < want:
            trouble = f"the copy ends with {reader.seen}, not {want}"
        if not trouble and follower.returncode != 0:
            trouble = f"code {follower.returncode}"
        if not trouble:
            dumps = [list(sqlite3.connect(path).iterdump()) for path in (database, copy)]
            if dumps[0] != dumps[1]:
                trouble = "the copy is another database"
        looks, changes, busy = looks + reader.looks, changes + reader.changes, busy + reader.busy
        if trouble:
            failed += 1
            print(f"run {run}: {trouble}; follower said: {said[-600:]}; writer: {(error or '')[-300:]}; kept {folder}", flush=True)
        else:
            shutil.rmtree(folder)
    if server:
        server.close()
    print(f"{chosen.runs} runs, {kills[0]} kills of the writer, {kills[1]} of the follower, {looks} looks at the copy, "
          f"{changes} states seen, {busy} times busy; {failed} failed")
    sys.exit(failed > 0)


main()
