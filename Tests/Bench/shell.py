"""Measures the shell beside sqlite3: scripts, every large output mode, .import, .dump. Outputs are compared first."""

import hashlib, os, shutil, statistics, subprocess, tempfile, time


def measure(arguments, folder, source=None):
    """Returns the seconds of a run with its output discarded."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, cwd=folder, stdin=open(source) if source else subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    if process.wait() != 0:
        raise SystemExit(f"{arguments} failed")
    return time.perf_counter() - start


def digest(arguments, folder, source=None):
    process = subprocess.run(arguments, cwd=folder, stdin=open(source) if source else subprocess.DEVNULL,
                             stdout=subprocess.PIPE, check=True)
    return hashlib.sha256(process.stdout).hexdigest()


def compare(name, target, row, rounds, command, folder, source=None, prepare=None, result=None):
    """Runs `command(program)` with both in turn and adds a line; `result` gives the output that must be the same."""
    programs = ["sqlite3", command.binary]
    times = {program: [] for program in programs}
    if result:
        seen = []
        for program in programs:
            if prepare:
                prepare()
            seen.append(result(program))
        if seen[0] != seen[1]:
            raise SystemExit(f"{name}: the results differ")
    for _ in range(rounds):
        for program in programs:
            if prepare:
                prepare()
            times[program].append(measure(command(program), folder, source))
    theirs, ours = (times[program] for program in programs)
    ratio = statistics.median(ours) / statistics.median(theirs)

    def text(values):
        return f"{statistics.median(values):.2f} s ({min(values):.2f}-{max(values):.2f})"

    row(name, text(ours), "sqlite3 " + text(theirs), f"{ratio:.2f}", f"<= {target}", ratio <= target)


class Command:
    def __init__(self, binary, make):
        self.binary, self.make = binary, make

    def __call__(self, program):
        return self.make(program)


def bench_shell(binary, rounds, row):
    rounds = min(rounds, 5)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["sqlite3", "big.db", "CREATE TABLE t(a INTEGER, b TEXT, c REAL, d TEXT);"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000000)"
             "INSERT INTO t SELECT i, 'row number '||i, i*0.37, CASE i%3 WHEN 0 THEN NULL WHEN 1 THEN 'it''s \"'||i"
             " ELSE 'plain' END FROM n;"], cwd=folder, check=True)
        for mode, target in (("list", 0.95), ("csv", 0.8), ("json", 0.7), ("quote", 0.8), ("box", 0.7)):
            command = Command(binary, lambda program: [program, f"-{mode}", "big.db", "SELECT * FROM t"])
            compare(f"SELECT of 2M rows, {mode}", target, row, rounds, command, folder,
                    result=lambda program: digest(command(program), folder))
        subprocess.run(["sqlite3", "half.db", "ATTACH 'big.db' AS o; CREATE TABLE t AS SELECT * FROM o.t LIMIT 1000000"],
                       cwd=folder, check=True)
        command = Command(binary, lambda program: [program, "half.db", ".dump"])
        compare(".dump of 1M rows", 0.9, row, rounds, command, folder,
                result=lambda program: digest(command(program), folder))
        with open(f"{folder}/rows.csv", "w") as file:
            subprocess.run(["sqlite3", "-csv", "half.db", "SELECT * FROM t"], cwd=folder, stdout=file, check=True)
        with open(f"{folder}/script.sql", "w") as file:
            file.write("CREATE TABLE t(a INTEGER, b TEXT, c REAL);\nBEGIN;\n")
            file.writelines(f"INSERT INTO t VALUES({n},'row number {n}',{n * 0.37:.3f});\n" for n in range(1000000))
            file.write("COMMIT;\n")

        def forget():
            for name in ("new.db", "new.db-journal"):
                if os.path.exists(f"{folder}/{name}"):
                    os.remove(f"{folder}/{name}")

        def content(arguments, source=None):
            subprocess.run(arguments, cwd=folder, stdin=open(source) if source else subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, check=True)
            return digest(["sqlite3", "new.db", ".dump"], folder)

        load = Command(binary, lambda program: [program, "new.db", ".mode csv", ".import rows.csv t"])
        compare(".import of 1M rows of CSV", 0.9, row, rounds, load, folder, prepare=forget,
                result=lambda program: content(load(program)))
        script = f"{folder}/script.sql"
        run = Command(binary, lambda program: [program, "new.db"])
        compare("1M INSERTs in one transaction from a script", 1.0, row, rounds, run, folder, script, forget,
                lambda program: content(run(program), script))
        bench_functions(binary, rounds, row, folder)
        bench_archives(binary, rounds, row, folder)


def bench_archives(binary, rounds, row, folder):
    """1,000 files into an archive and out of it."""
    os.makedirs(f"{folder}/files")
    for number in range(1000):
        with open(f"{folder}/files/{number:04}.txt", "w") as file:
            file.writelines(f"line {n} of file {number}\n" for n in range(number % 500))

    def forget():
        for name in ("new.sqlar", "new.zip"):
            if os.path.exists(f"{folder}/{name}"):
                os.remove(f"{folder}/{name}")
        shutil.rmtree(f"{folder}/out", ignore_errors=True)

    for kind in ("sqlar", "zip"):
        command = Command(binary, lambda program: [program, ":memory:", f".archive -cf new.{kind} files"])

        def content(program):
            subprocess.run(command(program), cwd=folder, check=True)
            return digest(["sqlite3", ":memory:", f".archive -tvf new.{kind}"], folder)

        compare(f".archive of 1,000 files, {kind}", 1.0, row, rounds, command, folder, prepare=forget, result=content)
        subprocess.run(["sqlite3", ":memory:", f".archive -cf kept.{kind} files"], cwd=folder, check=True)
        command = Command(binary, lambda program: [program, ":memory:", f".archive -C out -xf kept.{kind}"])
        compare(f".archive -x of 1,000 files, {kind}", 1.1, row, rounds, command, folder, prepare=forget)


def bench_functions(binary, rounds, row, folder):
    """The functions and virtual tables of the shell."""
    subprocess.run(["sqlite3", "hash.db", "CREATE TABLE t(a INTEGER, b TEXT);"
                    "INSERT INTO t SELECT value, hex(zeroblob(475)) FROM generate_series(1,105000)"], cwd=folder, check=True)
    for name, target, database, sql in (
            ("generate_series of 10M rows, sum", 1.0, ":memory:", "SELECT sum(value) FROM generate_series(1,10000000)"),
            ("generate_series of 10M rows, count", 1.0, ":memory:", "SELECT count(*) FROM generate_series(1,10000000)"),
            ("sha3_query over 100 MB", 1.0, "hash.db", "SELECT hex(sha3_query('SELECT * FROM t'))"),
            ("regexp over 1M texts", 1.3, ":memory:",
             "SELECT sum(regexp('a+b(c|d)',hex(value))) FROM generate_series(1,1000000)"),
            ("decimal_sum of 1M numbers", 1.3, ":memory:", "SELECT decimal_sum(value||'.25') FROM generate_series(1,1000000)")):
        command = Command(binary, lambda program: [program, database, sql])
        compare(name, target, row, rounds, command, folder, result=lambda program: digest(command(program), folder))
