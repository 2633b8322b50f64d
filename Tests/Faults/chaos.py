"""Writes for a while through a proxy that makes requests fail like networks and stores do, then restores both ways.

usage: chaos.py PROGRAM [--seconds N] [--rate SHARE] [--durability sync|async] [--seed N]

At the end everything must be in the store and both restores equal the live database."""

import os, random, sys, time

from servers_here import Store, options
from workload import Place, Writer, state


def main():
    chosen = options(__doc__, seconds=60, rate=0.3, durability="async")
    rng = random.Random(chosen.seed)
    print(f"seed {chosen.seed}, {chosen.seconds} s, {chosen.rate:.0%} of requests fail, {chosen.durability}", flush=True)
    store = Store(chosen.weed, seed=chosen.seed, rate=0.0)
    place = Place(chosen.program, "s3://bench/chaos", {
        **store.environment, "S3_SYNC_INTERVAL": "0.1", "S3_CONNECT_TIMEOUT": "5", "S3_TRANSFER_TIMEOUT": "10",
        "S3_FLUSH_TIMEOUT": "300"})
    place.create()
    store.proxy.rate = chosen.rate
    end, sessions, problems = time.time() + chosen.seconds, 0, []
    while time.time() < end:
        writer = Writer(place, state(place.path), chosen.durability, pause=rng.choice([0.002, 0.01, 0.05]))
        time.sleep(min(rng.uniform(5, 30), max(end - time.time(), 1)))
        if rng.random() < 0.3:
            writer.kill()
        elif writer.finish() != 0:
            problems.append(writer.failures[-3:])
        sessions += 1
    # The last session ends in order, so that nothing is left behind.
    last = place.shell("SELECT 1;\n", timeout=600)
    store.proxy.rate = 0.0
    live = state(place.path)
    counts = dict(sorted(store.proxy.counts.items()))
    results = []
    for source in ("wal", "sql"):
        try:
            results.append((source, state(place.restore(source))))
        except AssertionError as problem:
            results.append((source, str(problem)))
    print(f"{sessions} sessions, {live} commits, faults {counts}; last session ended with {last.returncode}; "
          f"live {live}, restored {results}; sessions that ended with an error: {problems}")
    place.remove()
    store.close()
    sys.exit(0 if all(found == live for _, found in results) and last.returncode == 0 else 1)


main()
