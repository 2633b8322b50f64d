"""Measures one service that mirrors many databases: memory, threads, processor time and requests.

usage: service.py PROGRAM [DATABASES]

The databases are copied to a directory. Prints the figures after the first copy, after 30 idle seconds, and after one commit to each
database. Then SIGTERM ends the service, and every 25th database is restored and compared. Exit code 1 if one differs."""

import os, signal, sqlite3, subprocess, sys, tempfile, time

TICK = os.sysconf("SC_CLK_TCK")


def figures(process):
    """Memory in MiB (now, greatest), threads, and seconds of processor time of a process (proc(5))."""
    with open(f"/proc/{process.pid}/status") as file:
        status = dict(line.split(":", 1) for line in file)
    with open(f"/proc/{process.pid}/stat") as file:
        times = file.read().rsplit(")", 1)[1].split()[11:13]
    mebibytes = [int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]
    return *mebibytes, int(status["Threads"]), sum(map(int, times)) / TICK


def show(when, values, more=""):
    print(f"{when}: {values[0]:.1f} MiB (at most {values[1]:.1f}), {values[2]} threads, {values[3]:.2f} s of processor time{more}", flush=True)


def objects(replica):
    return sum(len(names) for _, _, names in os.walk(replica))


def main():
    program = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    with tempfile.TemporaryDirectory(prefix="service-") as folder:
        os.mkdir(f"{folder}/databases")
        paths = [f"{folder}/databases/{number}.db" for number in range(count)]
        for path in paths:
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA journal_mode=wal")
            connection.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
            connection.executemany("INSERT INTO t(b) VALUES(?)", [(f"row {row}",) for row in range(200)])
            connection.commit()
            connection.close()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("S3_", "AWS_"))}
        environment["HOME"] = folder
        log = open(f"{folder}/log", "w+")
        began, threads = time.time(), 0
        service = subprocess.Popen([program, "-serve", "-mirror", f"file://{folder}/replica", f"{folder}/databases"], stderr=log, env=environment)
        while open(log.name).read().count(": mirrored to") < count:
            if service.poll() is not None or time.time() - began > 600:
                sys.exit(f"the service does not mirror all databases: {open(log.name).read()[-500:]}")
            threads = max(threads, figures(service)[2])
            time.sleep(0.1)
        show(f"all mirrored after {time.time() - began:.1f} s", figures(service), f", at most {threads} threads")
        time.sleep(15)
        before, stored = figures(service), objects(f"{folder}/replica")
        time.sleep(30)
        after = figures(service)
        show("idle", after, f", {after[3] - before[3]:.2f} s of it and {objects(f'{folder}/replica') - stored} new objects in 30 s")
        connections = [sqlite3.connect(path) for path in paths]
        for connection in connections:
            connection.execute("INSERT INTO t(b) VALUES('last')")
            connection.commit()
        time.sleep(5)
        show("after one commit to each", figures(service))
        began = time.time()
        service.send_signal(signal.SIGTERM)
        print(f"exit code {service.wait()} {time.time() - began:.1f} s after SIGTERM")
        wrong = 0
        for number in range(0, count, 25):
            restored = f"{folder}/restored-{number}.db"
            done = subprocess.run([program, "-mirror", "off", ":memory:", f".restore wal --from file://{folder}/replica/{number}.db --output {restored}"],
                                  capture_output=True, text=True, env=environment)
            rows = sqlite3.connect(restored).execute("SELECT count(*), max(a) FROM t").fetchone() if done.returncode == 0 else done.stderr
            if rows != (201, 201):
                wrong += 1
                print(f"database {number}: {rows}")
        print(f"{len(range(0, count, 25))} databases restored, {wrong} wrong")
        sys.exit(1 if wrong else 0)


main()
