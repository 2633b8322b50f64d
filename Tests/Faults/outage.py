"""Takes the store away for a while and brings it back while a shell continues to write.

usage: outage.py PROGRAM [--seconds N] [--seed N]

Prints how long a commit took before, during and after, and how long after its return the store held everything;
both restores must equal the live database."""

import statistics, subprocess, sys, threading, time

from servers_here import Store, options
from workload import Place, commit, state


def main():
    chosen = options(__doc__, seconds=60)
    store = Store(chosen.weed)
    place = Place(chosen.program, "s3://bench/outage", {**store.environment, "S3_SYNC_INTERVAL": "0.2"})
    place.create()
    shell = subprocess.Popen(
        [place.program, "-batch", "-mirror", place.url, place.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=place.environment, bufsize=0)
    told = []
    threading.Thread(target=lambda: told.extend(line.decode().strip() for line in shell.stderr), daemon=True).start()
    number = 0

    def ask(script):
        """Sends one line to the shell, and returns its answer."""
        begun = time.perf_counter()
        shell.stdin.write(script.encode())
        line = shell.stdout.readline().decode().strip()
        return time.perf_counter() - begun, line

    def phase(seconds):
        nonlocal number
        times, end = [], time.time() + seconds
        while time.time() < end:
            number += 1
            times.append(ask(commit(number) + f"SELECT 'ack {number}';\n")[0])
            time.sleep(0.02)
        return times

    before = phase(5)
    store.proxy.down = True
    during = phase(chosen.seconds)
    store.proxy.down = False
    back = time.time()
    after = phase(2)
    waited = ask(".mirror sync\nSELECT 'synced';\n")
    caught_up = time.time() - back
    shell.stdin.close()
    code = shell.wait(120)
    live = state(place.path)
    found = {source: state(place.restore(source)) for source in ("wal", "sql")}

    def text(times):
        return f"p50 {statistics.median(times) * 1000:.2f} ms, worst {max(times) * 1000:.1f} ms"

    print(f"commit before: {text(before)}; during {chosen.seconds} s without a store: {text(during)} "
          f"(ratio of p50 {statistics.median(during) / statistics.median(before):.2f}); after: {text(after)}\n"
          f".mirror sync took {waited[0]:.2f} s, all was in the store {caught_up:.1f} s after its return (2 s of them more "
          f"writing); the shell told {told}, ended with {code}; live {live}, restored {found}")
    place.remove()
    store.close()
    sys.exit(0 if set(found.values()) == {live} and code == 0 else 1)


main()
