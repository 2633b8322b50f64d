"""The statement log: its cost for a long script, its size in the store, and the speed of its restore."""

import glob, hashlib, os, shutil, statistics, subprocess, tempfile, time

COUNT = 1000000


def inserts():
    lines = ["PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
             "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT);", "BEGIN;"]
    lines += [f"INSERT INTO t(a,b) VALUES('row number {n} of the table',{n * 7919 % 100003});" for n in range(COUNT)]
    return "\n".join(lines + ["COMMIT;", "SELECT 'done';\n"])


def changes():
    lines = ["CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT);",
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200000)",
             "INSERT INTO t SELECT i, 'row number '||i, i FROM n;", "BEGIN;"]
    for n in range(COUNT):
        key = n * 7919 % 200000 + 1
        lines.append(f"DELETE FROM t WHERE id={key};" if n % 10 == 0 else
                     f"UPDATE t SET a='changed {n}', b={n} WHERE id={key};")
    return "\n".join(lines + ["COMMIT;", "SELECT 'done';\n"])


def clean():
    return {name: value for name, value in os.environ.items() if not name.startswith(("S3_", "AWS_"))}


def play(arguments, folder):
    """Returns the seconds to the script's last line of output and to the end of the program, and its peak memory in MB."""
    start = time.perf_counter()
    with open(f"{folder}/script") as script:
        shell = subprocess.Popen(arguments, cwd=folder, stdin=script, stdout=subprocess.PIPE, env=clean())
    while b"done" not in (line := shell.stdout.readline()):
        if not line:
            raise SystemExit(f"{arguments} failed")
    done = time.perf_counter() - start
    most = 0
    # The system's figures for children include the parent's memory.
    while shell.poll() is None:
        most = max(most, peak(shell.pid))
        time.sleep(0.005)
    if shell.returncode != 0:
        raise SystemExit(f"{arguments} failed")
    return done, time.perf_counter() - start, most


def peak(process):
    """Returns the peak memory of a process so far, in MB."""
    try:
        with open(f"/proc/{process}/status") as status:
            return max((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:")), default=0)
    except OSError:
        return 0


def content(folder, name):
    dump = subprocess.run(["sqlite3", name, ".dump"], cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    return hashlib.sha256(dump).hexdigest()


def remove(folder, *names):
    for name in names:
        for found in glob.glob(f"{folder}/{name}*"):
            shutil.rmtree(found) if os.path.isdir(found) else os.remove(found)


def text(values, unit="s"):
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f}-{max(values):.2f})"


def bench_logging(binary, rounds, row, folder, replica, name, size, isLogged):
    """Runs a script with and without the mirror in turn, and leaves the replica in its folder. Reports it only if `isLogged`:
    if a script changes rows all over the file, another journal mode costs more than the mirror does."""
    off, on = [], []
    for _ in range(rounds if isLogged else 1):
        remove(folder, "off.db", "on.db", "replica")
        off.append(play([binary, "-mirror", "off", "off.db"], folder))
        on.append(play([binary, "-mirror", replica, "on.db"], folder))
    if content(folder, "off.db") != content(folder, "on.db"):
        raise SystemExit(f"{name}: mirrored, the script gives another database")
    if not isLogged:
        return
    for index, what, most in ((0, "to the last statement", "<= 1.05"), (1, "to the end, all uploaded", "-")):
        ours, others = [run[index] for run in on], [run[index] for run in off]
        ratio = statistics.median(ours) / statistics.median(others)
        row(f"{name} in one transaction with the mirror, {what}", text(ours), "without " + text(others),
            f"{ratio:.2f}", most, ratio <= 1.05 if index == 0 else "-")
    more = statistics.median(run[2] for run in on) - statistics.median(run[2] for run in off)
    row(f"{name}: most memory with the mirror", text([run[2] for run in on], "MB"),
        "without " + text([run[2] for run in off], "MB"), f"+{more:.0f} MB", "< +64 MB", more < 64)
    stored = sum(os.path.getsize(path) for path in glob.glob(f"{folder}/replica/generations/*/sql/*"))
    ratio = stored / size
    row(f"{name}: statements stored per byte of SQL", f"{stored} bytes", f"{size} bytes", f"{ratio:.3f}",
        "<= 0.15", ratio <= 0.15)


def bench_statements(binary, rounds, row):
    rounds = min(rounds, 5)
    with tempfile.TemporaryDirectory() as folder:
        replica = f"file://{folder}/replica"
        for name, script, target in (("1M single-row INSERTs", inserts(), 0.6),
                                     ("1M UPDATEs and DELETEs by key", changes(), 0.8)):
            with open(f"{folder}/script", "w") as file:
                file.write(script)
            bench_logging(binary, rounds, row, folder, replica, name, len(script), isLogged=target == 0.6)
            theirs, ours = [], []
            for _ in range(rounds):
                remove(folder, "plain.db", "restored.db")
                theirs.append(play(["sqlite3", "plain.db"], folder)[1])
                start = time.perf_counter()
                subprocess.run([binary, "-mirror", "off", "restored.db", f".restore sql --from {replica}"], cwd=folder,
                               stdout=subprocess.DEVNULL, env=clean(), check=True)
                ours.append(time.perf_counter() - start)
            if content(folder, "plain.db") != content(folder, "restored.db"):
                raise SystemExit(f"{name}: what .restore sql brings back differs")
            ratio = statistics.median(ours) / statistics.median(theirs)
            row(f".restore sql of {name}", text(ours), "sqlite3 new.db < script " + text(theirs), f"{ratio:.2f}",
                f"<= {target}", ratio <= target)
