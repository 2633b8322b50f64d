"""One round of hosts.py: sessions on two hosts, and the checks at the end."""

import os, random, shutil, signal, subprocess, time

from histories import SCHEMA, Session, missing, read

# Parts of the messages of sessions that end for another reason than another writer.
TROUBLES = ["not mirrored", "no answer from", "the clock here is", "cannot be reached", "connect", "timed out", "time-out"]


class Round:
    """Plays the round of one seed. `problems` lists failed checks, `story` all events; `counts` counts faults and results."""

    def __init__(self, seed, program, hosts, store, counts, broken):
        self.rng, self.program, self.hosts, self.store, self.counts = random.Random(seed), program, hosts, store, counts
        self.broken, self.flags = broken, ["-durability", "sync"] + (["-unfenced"] if broken == "conditions" else [])
        self.url, self.began = f"s3://bench/hosts{seed}", time.time()
        self.story, self.problems, self.acknowledged, self.running, self.started = [], [], {}, [], 0
        self.last = None

    def tell(self, text):
        self.story.append(f"{time.time() - self.began:7.2f}  {text}")

    def fail(self, text):
        self.tell("WRONG: " + text)
        self.problems.append(text)

    def path(self, host, suffix=""):
        return f"{host.folder}/live.db{suffix}"

    def play(self):
        names = self.rng.choice([("db", "db"), ("db", "db"), ("alpha", "beta")])
        for host, name in zip(self.hosts, names):
            shutil.rmtree(host.folder)
            os.mkdir(host.folder)
            host.clock.jump(0)
            self.boot(host, name)
        self.tell(f"hosts {names}")
        code, _, errors = self.run(self.hosts[0], SCHEMA, "-mirror", self.url, *self.flags, "live.db")
        if code:
            return self.fail(f"the first session failed: {errors}")
        self.take_over(self.hosts[0])
        for _ in range(self.rng.randint(1, 3)):
            fault = self.rng.choice(self.faults)
            self.counts[fault] += 1
            self.tell(f"── {fault}")
            getattr(self, fault)()
        self.end()

    # Actions of hosts.

    def boot(self, host, name):
        host.boot(name)
        host.proxy.broken = self.broken

    def run(self, host, script, *arguments):
        """Runs a shell with a long flush time-out to its end; returns its exit code, output and errors."""
        process = host.start(["env", "S3_FLUSH_TIMEOUT=60", self.program, "-batch", "-bail", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, errors = process.communicate(script.encode(), timeout=90)
        except subprocess.TimeoutExpired:
            host.signal(process, signal.SIGKILL)
            output, errors = process.communicate()
            return None, output.decode(errors="replace"), "it did not end in 90 s: " + errors.decode(errors="replace")
        return process.returncode, output.decode(errors="replace"), errors.decode(errors="replace").strip()

    def begin(self, host):
        """Starts a session. Returns it after its first commit, or None if it ended before."""
        self.started += 1
        kind = self.rng.choice(["", "", "", "", "", "", "", "L", "B", "B"])
        session = Session(host, [self.program, "-batch", "-bail", "-mirror", self.url, *self.flags, "live.db"], f"{host.letter}{self.started}{kind}")
        self.running.append(session)
        self.last = session
        if session.wait_for(1, 30):
            self.tell(f"{session.name} writes on host {host.name}")
            return session
        if not session.has_ended(0):
            self.fail(f"{session.name} neither wrote nor ended in 30 s: {session.told}")
        self.stop(session)
        return None

    def stop(self, session, in_order=False):
        """Kills a session, or lets it end. From now on, the commits that it reported as stored must not be missing."""
        if session not in self.running:
            return
        self.running.remove(session)
        code = session.finish() if in_order else session.kill()
        self.acknowledged[session.name] = session.acknowledged
        self.counts["acknowledged"] += session.acknowledged
        self.tell(f"{session.name} {f'ended with {code}' if in_order else 'is gone'}, {session.acknowledged} acknowledged"
                  + (f"; it said: {session.told[:2]}" if session.told else ""))
        if in_order and code is None:
            self.fail(f"{session.name} did not end")
        for line in session.told:
            if " writes to " in line:
                self.counts["fenced"] += 1
                if " since 2" not in line:
                    self.fail(f"the fenced session does not print the other writer: {line}")

    def take_over(self, host):
        """Starts a session on a host; if the start is refused, restores first and tries again."""
        for _ in range(8):
            session = self.begin(host)
            if session:
                return session
            last = self.last
            kind = last.explanation()
            self.counts[f"refused: {kind}"] += 1
            if kind == "held":
                # By the clocks of the host and of its proxy, the holder has now been silent for long enough.
                host.clock.jump(host.clock.ahead + 200)
                host.proxy.clock += 200
                self.tell(f"host {host.name} lets 200 s pass")
            elif kind:
                self.restore(host)
            elif any(word in line for line in last.told for word in TROUBLES + [" writes to "]):
                self.tell("tries again")
            else:
                return self.fail(f"{last.name} was refused without an explanation: {last.told}")
        self.fail(f"host {host.name} cannot start, although it restores the newest state each time")

    def restore(self, host):
        code, _, errors = self.run(host, "", "-mirror", "off", ":memory:", f".restore wal --from {self.url} --output live.db --force")
        self.tell(f"host {host.name} restores" + (f": {errors}" if code else ""))
        if code:
            self.fail(f"restore failed: {errors}")

    # The end of a round.

    def end(self):
        for host in self.hosts:
            host.proxy.is_silent = host.proxy.down = False
        is_verified = self.rng.random() < 0.3
        codes = []
        for session in list(reversed(self.running)):
            self.stop(session, in_order=is_verified or self.rng.random() < 0.5)
            codes.append(session.process.returncode)
        for host in self.hosts:
            self.release(host)
        for proxy in (proxy for host in self.hosts for proxy in host.proxies):
            proxy.wait_until_idle()
        commits = {source: self.check(source) for source in ("wal", "sql")}
        if commits["wal"] != commits["sql"] and None not in commits.values():
            self.fail(f"{len(commits['wal'])} commits from slices, {len(commits['sql'])} from statements")
        if is_verified and codes == [0]:
            self.verify()

    def verify(self):
        """Checks the whole replica after orderly ends: only statements that a killed session did not send may be missing."""
        self.counts["verified"] += 1
        done = self.elsewhere(f".mirror verify --all --from {self.url}")
        faults = [line for line in done.stdout.decode(errors="replace").splitlines() if " fault: " in line]
        others = [line for line in faults if "missing: lost, or never uploaded" not in line]
        self.counts["statements missing"] += len(faults) - len(others)
        if others or done.returncode and not faults:
            self.fail(f".mirror verify: {others or done.stderr.decode(errors='replace')}")

    def elsewhere(self, command):
        """Runs a command without namespaces and without a proxy, as on a third machine."""
        environment = {**os.environ, **self.hosts[0].program_environment, "HOME": self.hosts[0].folder,
                       "S3_HOSTNAME": f"http://127.0.0.1:{self.store}"}
        return subprocess.run([self.program, "-batch", "-mirror", "off", ":memory:", command], capture_output=True,
                              env=environment, cwd=self.hosts[0].folder, timeout=300)

    def check(self, source):
        path = f"{self.hosts[0].folder}/checked.db"
        done = self.elsewhere(f".restore {source} --from {self.url} --output {path} --force")
        if done.returncode:
            return self.fail(f".restore {source}: {done.stderr.decode(errors='replace')}")
        try:
            commits = read(path)
        except AssertionError as problem:
            return self.fail(f".restore {source}: {problem}")
        lost = missing(commits, self.acknowledged)
        self.tell(f"restored from {source}: {len(commits)} commits")
        if lost:
            self.fail(f".restore {source} lacks {len(lost)} acknowledged commits, the first {lost[0]}")
        return commits
