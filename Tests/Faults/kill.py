"""Kills the shell again and again while it writes, and restores after each time.

usage: kill.py PROGRAM --runs N --durability sync|async [--store file|s3] [--largest BYTES] [--weed WEED] [--seed N]

In `sync` no commit that was reported as stored may be missing from a restore. A session ends with the first commit that
fails, so the database may be one commit ahead of the replica. In `async` a restore must be the state after some
commit, and no later run may lose what an earlier one restored."""

import os, random, shutil, signal, sys, tempfile, time

import workload
from servers_here import Store, options
from workload import Place, Writer, state

# The requests at which a process is killed, before or after the store has handled them.
POINTS = ["/lease.txt", "/chain/", "generation.txt", "/pages/", "/base/", "/wal/", "/sql/"]


def main():
    chosen = options(__doc__, runs=20, durability="sync", store="file", largest=0)
    workload.largest = chosen.largest
    rng = random.Random(chosen.seed)
    print(f"seed {chosen.seed}, {chosen.runs} kills, {chosen.durability}, {chosen.store}", flush=True)
    roots, point, writers = [], [None, None], [None]

    def watch(method, path, when):
        # Kills the writer when the chosen request arrives.
        if method == "PUT" and point[0] and point[0] in path and point[1] == when and writers[0]:
            point[0] = None
            writers[0].process.kill()
            return True
        return False

    server = Store(chosen.weed, watch=watch) if chosen.store == "s3" else None

    def fresh(number):
        environment = {"S3_SYNC_INTERVAL": rng.choice(["0", "0.05", "1"]), "S3_FLUSH_TIMEOUT": "60"}
        if server:
            environment |= server.environment
            url = f"s3://bench/kill{number}"
        else:
            roots.append(tempfile.mkdtemp(prefix="faults-replica-"))
            url = f"file://{roots[-1]}"
        place = Place(chosen.program, url, environment)
        place.create()
        return place

    place, floor, worst, story = None, 0, 0, []
    lost = torn = named = continued = relocated = refused = 0
    is_behind = False
    begun, done = time.time(), 0
    # SIGTERM ends it after the current run.
    is_ending = []
    signal.signal(signal.SIGTERM, lambda number, frame: is_ending.append(number))
    for run in range(chosen.runs):
        if is_ending:
            break
        done += 1
        if run % (5 if chosen.largest else 25) == 0:
            if place:
                place.remove()
            for root in roots:
                shutil.rmtree(root, ignore_errors=True)
            place, floor, is_behind = fresh(run), 0, False
        # If the database is whole, the next run continues with it; sometimes it is lost as well, and restored first.
        if rng.random() < 0.2 or is_behind:
            place.lose()
            os.rename(place.restore("wal"), place.path)
            relocated += 1
        start = state(place.path)
        use_point = server and rng.random() < 0.5
        writers[0] = writer = Writer(place, start, chosen.durability, pause=rng.choice([0, 0.001, 0.01]),
                                     flags=["-bail"] if chosen.durability == "sync" else [])
        if use_point:
            named += 1
            time.sleep(rng.uniform(0, 0.1))
            point[:] = [rng.choice(POINTS), rng.choice(["before", "after"])]
            end = time.time() + (5 if chosen.largest else 1.5)
            while writer.process.poll() is None and time.time() < end:
                time.sleep(0.005)
            point[0] = None
        else:
            time.sleep(rng.uniform(0.0, 5 if chosen.largest else 0.5))
        writer.kill()
        writers[0] = None
        acknowledged = writer.acknowledged
        # A request of a killed session may land after the restore: then the replica is ahead of the restored state.
        is_behind = any("mirror off" in line for line in writer.failures)
        if is_behind:
            refused += 1
            acknowledged = floor
            if not any(" ahead of " in line for line in writer.failures):
                torn += 1
                print(f"run {run}: {writer.failures[:2]}", flush=True)
        # If a start is refused, the events before must explain it.
        left = state(place.path)
        story.append(f"run {run}: began with {start}, acknowledged {writer.acknowledged}, left {left}; "
                     f"it said: {writer.failures[:3]}")
        try:
            restored = state(place.restore("wal"))
            if run % 5 == 0:
                by_statements = state(place.restore("sql", "by-statements.db"))
                if by_statements > restored:
                    # A request of the killed process may have arrived between the two.
                    restored = state(place.restore("wal"))
                assert by_statements <= restored, f"statements reach {by_statements}, the log {restored}"
        except AssertionError as problem:
            torn += 1
            print(f"run {run}: {problem}", flush=True)
            continue
        story[-1] += f"; restored {restored}"
        is_far = chosen.durability == "sync" and left > max(start, restored) + 1
        if is_far:
            lost += 1
        if is_behind or is_far:
            print(f"{'refused' if is_behind else 'committed without waiting'}:\n  " + "\n  ".join(story[-3:]), flush=True)
        least = max(floor, acknowledged) if chosen.durability == "sync" else floor
        if restored < least:
            lost += 1
            print(f"run {run}: acknowledged {acknowledged}, earlier {floor}, restored {restored}; it said: {writer.failures[:2]}", flush=True)
            if os.environ.get("KEEP"):
                sys.exit(f"kept {place.folder} {place.url}")
        floor = max(floor, restored)
        worst = max(worst, acknowledged - restored)
        continued += acknowledged > start
    print(f"{done} kills ({named} at a request), {continued} after commits, {relocated} on a restored database, {refused} starts refused: "
          f"{lost} lost something acknowledged, {torn} torn or failed, "
          f"at most {max(worst, 0)} commits behind, {time.time() - begun:.0f} s")
    place.remove()
    for root in roots:
        shutil.rmtree(root, ignore_errors=True)
    if server:
        server.close()
    sys.exit(1 if lost or torn else 0)


main()
