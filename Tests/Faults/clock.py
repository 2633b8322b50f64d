"""Sets the clock of the shell's process back and forth, between and during its sessions, and restores after each.

usage: clock.py PROGRAM [--seed N] [--jumps N]

The clock is that of the process alone: a small library before libc adds an offset that it reads from a file. Restores must
equal the live database, times of transactions always grow, and `--to-time` of one's time must give the state after it."""

import json, os, random, re, shutil, subprocess, sys, tempfile, time

import moved_clock
from servers_here import options
from workload import Place, Writer, state


def main():
    chosen = options(__doc__, jumps=12)
    rng = random.Random(chosen.seed)
    root = tempfile.mkdtemp(prefix="faults-clock-")
    print(f"seed {chosen.seed}, {chosen.jumps} sessions with two jumps each", flush=True)
    clock = moved_clock.MovedClock(moved_clock.build(root), f"{root}/offset")
    jump = clock.jump
    place = Place(chosen.program, f"file://{root}/replica", {
        "S3_SYNC_INTERVAL": "0.05", "S3_RETENTION": "3650d", **clock.environment})
    seen = place.shell("SELECT unixepoch();").stdout
    jump(-86400)
    assert int(place.shell("SELECT unixepoch();").stdout) < int(seen) - 80000, "the clock does not move"
    place.create()
    wrong = 0
    for turn in range(chosen.jumps):
        writer = Writer(place, state(place.path), rng.choice(["sync", "async"]), pause=0.005)
        for _ in range(2):
            time.sleep(0.4)
            jump(rng.choice([0, -30, 30, -3600, 3600, -86400, 86400, -40 * 86400, rng.randrange(-10**6, 10**6)]))
        time.sleep(0.4)
        if rng.random() < 0.3:
            writer.kill()
        else:
            writer.finish()
        told = [line for line in writer.failures if line]
        live = state(place.path)
        place.shell("SELECT n FROM total;")
        reached = {source: state(place.restore(source)) for source in ("wal", "sql")}
        lines = place.shell(".mirror log --json\n").stdout.decode().splitlines()
        log = [json.loads(line) for line in lines if line.startswith("{")]
        times = [entry["time"] for entry in log]
        ordered = times == sorted(times)
        number, moment = rng.choice([
            (int(found.group(1)), entry["time"]) for entry in log if (found := re.match(r"INSERT INTO t VALUES\((\d+)", entry.get("sql", "")))])
        done = subprocess.run(
            [place.program, "-batch", "-mirror", "off", ":memory:",
             f".restore wal --from {place.url} --to-time {moment} --output {place.folder}/then.db --force"],
            capture_output=True, env=place.environment, cwd=place.folder)
        then = state(f"{place.folder}/then.db") if done.returncode == 0 else done.stderr.decode().strip()
        generations = len(os.listdir(f"{root}/replica/generations"))
        good = reached["wal"] == reached["sql"] == live and ordered and then == number
        wrong += not good
        print(f"{turn}: live {live}, restored {reached}, {len(log)} statements in order of time: {ordered}, "
              f"commit {number} by its time: {then}, {generations} generations, "
              f"told {told[:3]}{'' if good else '  <-- WRONG'}", flush=True)
    place.remove()
    shutil.rmtree(root, ignore_errors=True)
    sys.exit(1 if wrong else 0)


main()
