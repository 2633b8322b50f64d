"""The faults of hosts.py. After each fault, one session writes, or none does."""

import os, shutil, signal

from histories import read
from host_round import Round

REQUESTS = ["/wal/", "/wal/", "/wal/", "/sql/", "/lease.txt", "/base/", "/chain/", "generation.txt", "/pages/"]
FILES = ["", "-wal", "-shm", "-s3pos"]


class FaultyRound(Round):
    faults = ["kill", "request", "pause", "partition", "late", "clock", "sleep", "copy", "reboot", "second"]

    def writing(self):
        """Returns a session that writes, after it has stored some more commits."""
        session = self.running[-1] if self.running else self.take_over(self.rng.choice(self.hosts))
        if session:
            session.wait_for(session.acknowledged + self.rng.randint(0, 12), 5)
        return session

    def other(self, host):
        return self.hosts[1 - self.hosts.index(host)]

    def kill(self):
        session = self.writing()
        if session:
            self.stop(session)
            self.take_over(self.rng.choice(self.hosts))

    def request(self):
        """Kills a session during a request of its start or of a commit; the request or its answer is lost."""
        session = self.writing()
        if not session:
            return
        host, part = session.host, self.rng.choice(REQUESTS)
        if self.rng.random() < 0.4:
            self.stop(session)
            self.catch(host, part, self.rng.choice(["lose", "lose-answer"]))
            session = self.begin(host)
        else:
            self.catch(host, part, self.rng.choice(["lose", "lose-answer"]))
        host.proxy.caught.wait(1)
        host.proxy.catch = None
        if session:
            self.stop(session)
        self.take_over(self.rng.choice(self.hosts))

    def catch(self, host, part, kind):
        host.proxy.set_catch(part, kind)
        self.tell(f"next PUT of {part} from host {host.name}: {kind}")

    def late(self):
        """Holds a request until its sender is killed or paused, and sends it on before or after another session begins."""
        session = self.writing()
        if not session:
            return
        host = session.host
        self.catch(host, self.rng.choice(REQUESTS[:5]), "hold")
        host.proxy.caught.wait(1)
        host.proxy.catch = None
        is_paused = self.rng.random() < 0.3
        if is_paused:
            session.signal(signal.SIGSTOP)
            self.tell(f"{session.name} stops")
        else:
            self.stop(session)
        moment = self.rng.choice(["before", "between", "after", "end"])
        if moment == "before":
            self.release(host)
        next = self.take_over(self.other(host) if is_paused else self.rng.choice(self.hosts))
        if moment == "between":
            self.release(host)
        if next:
            next.wait_for(next.acknowledged + self.rng.randint(1, 10), 5)
        if moment == "after":
            self.release(host)
        if is_paused:
            self.awaken(session)

    def release(self, host):
        for proxy in host.proxies:
            for path in proxy.release():
                self.counts["late requests"] += 1
                self.tell(f"lands late: PUT {path}")

    def pause(self):
        session = self.writing()
        if not session:
            return
        session.signal(signal.SIGSTOP)
        self.tell(f"{session.name} stops")
        next = self.take_over(self.other(session.host))
        if next:
            next.wait_for(next.acknowledged + self.rng.randint(0, 10), 5)
        self.awaken(session)

    def awaken(self, session):
        if self.rng.random() < 0.3:
            session.host.clock.sleep(self.rng.choice([70, 4000, 90000]))
        session.signal(signal.SIGCONT)
        self.tell(f"{session.name} goes on")
        session.has_ended(self.rng.choice([0, 2]))
        if self.rng.random() < 0.7:
            self.stop(session)
        else:
            self.running.insert(0, self.running.pop(self.running.index(session)))

    def partition(self):
        session = self.writing()
        if not session:
            return
        host, is_silent = session.host, self.rng.random() < 0.5
        host.proxy.is_silent, host.proxy.down = is_silent, not is_silent
        self.tell(f"host {host.name} is cut off" + (", silently" if is_silent else ""))
        if self.rng.random() < 0.7:
            next = self.take_over(self.other(host))
            if next:
                next.wait_for(next.acknowledged + self.rng.randint(0, 10), 5)
        else:
            session.has_ended(self.rng.uniform(0, 5))
        host.proxy.is_silent = host.proxy.down = False
        self.tell(f"host {host.name} is back")
        session.has_ended(self.rng.choice([0, 3]))
        if session is not self.running[-1] or session.has_ended(0):
            self.stop(session)

    def clock(self):
        session = self.writing()
        if not session:
            return
        host = session.host
        seconds = self.rng.choice([-86400, -800, -360, -30, 30, 360, 800, 86400])
        host.clock.jump(seconds)
        self.tell(f"the clock of host {host.name} is {seconds} s ahead")
        session.wait_for(session.acknowledged + self.rng.randint(1, 10), 1)
        if abs(seconds) > 1000:
            session.has_ended(6)
            if session.has_ended(0) and not any("clock" in line for line in session.told):
                self.fail(f"the message does not name the clock: {session.told}")
            host.clock.jump(0)
        if session.has_ended(0) or self.rng.random() < 0.5:
            self.stop(session)
            self.take_over(self.rng.choice(self.hosts))

    def sleep(self):
        session = self.writing()
        if session:
            session.host.clock.sleep(self.rng.choice([61, 3600, 1000000]))
            self.tell(f"host {session.host.name} has slept")
            session.wait_for(session.acknowledged + 5, 5)

    def reboot(self):
        session = self.writing()
        if session:
            host = session.host
            name = self.rng.choice([host.name, host.name, "renamed"])
            host.stop()
            self.stop(session)
            self.boot(host, name)
            self.tell(f"the machine starts again, as {name}")
            self.take_over(self.rng.choice([host, host, self.other(host)]))

    def second(self):
        """Starts another session on the same files. One of them mirrors for both; if it is killed, the other takes over."""
        session = self.writing()
        if not session:
            return
        next = self.begin(session.host)
        if next:
            next.wait_for(next.acknowledged + self.rng.randint(0, 10), 5)
            self.stop(self.rng.choice([session, next]))
            left = self.running[-1] if self.running else None
            if left:
                left.wait_for(left.acknowledged + self.rng.randint(0, 10), 5)

    def copy(self):
        """Replaces the files by older copies, sometimes after another session has written."""
        session = self.writing()
        if not session:
            return
        host, kept = session.host, [suffix for suffix in FILES if suffix != "-s3pos" or self.rng.random() < 0.7]
        self.stop(session, in_order=self.rng.random() < 0.5)
        copies = f"{host.folder}/copies"
        shutil.rmtree(copies, ignore_errors=True)
        os.mkdir(copies)
        for suffix in kept:
            if os.path.exists(self.path(host, suffix)):
                shutil.copy2(self.path(host, suffix), copies)
        self.tell(f"files of host {host.name} are copied: {os.listdir(copies)}")
        next = self.take_over(self.rng.choice(self.hosts))
        if next:
            next.wait_for(next.acknowledged + self.rng.randint(0, 10), 5)
            self.stop(next, in_order=self.rng.random() < 0.5)
        for suffix in FILES:
            if os.path.exists(self.path(host, suffix)):
                os.remove(self.path(host, suffix))
        for name in os.listdir(copies):
            shutil.copy2(f"{copies}/{name}", host.folder)
        self.tell("the copies are put back")
        if self.rng.random() < 0.2 and not self.running:
            self.fork(host)
        self.take_over(host)

    def fork(self, host):
        """Forks on the user's command, which abandons the commits that the files lack."""
        for proxy in (proxy for each in self.hosts for proxy in each.proxies):
            if proxy.held:
                return
        code, _, errors = self.run(host, f".mirror on {self.url} --new-generation{' --unfenced' if self.broken == 'conditions' else ''}\n.mirror sync\n", "-mirror", "off", *self.flags, "live.db")
        self.tell(f"host {host.name} forks by order: {errors or 'done'}")
        if code:
            return self.fail("the fork failed, or is incomplete")
        self.counts["forks"] += 1
        commits = read(self.path(host))
        for writer in self.acknowledged:
            self.acknowledged[writer] = max((n for name, n in commits if name == writer), default=0)
