"""Litestream beside a database, for comparison."""

import atexit, os, subprocess, time

from servers import KEY, SECRET


def environment():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("S3_", "AWS_"))}
    return clean | {"LITESTREAM_ACCESS_KEY_ID": KEY, "LITESTREAM_SECRET_ACCESS_KEY": SECRET}


class Litestream:
    """`litestream replicate` of one database to `path` of the bucket at a port; ends with `close`.

    If `interval` is set, it is used for both of its intervals. If `level` is set, compaction runs at that interval. All else is as
    delivered. With `once` it ends when the database has been uploaded."""

    def __init__(self, program, database, port, path, interval=None, level=None, once=()):
        self.program, self.database, self.path = program, database, path
        self.interval, self.level = interval, level
        self.config = os.path.join(os.path.dirname(database), "litestream.yml")
        self.configure(port)
        self.log = open(os.path.join(os.path.dirname(database), "litestream.log"), "wb")
        self.process = subprocess.Popen(
            [program, "replicate", "-config", self.config, *once], stdout=self.log, stderr=self.log, env=environment())
        atexit.register(self.kill)

    def kill(self):
        """Kills it, so that it does not continue after a failed check."""
        if self.process.returncode is None:
            self.process.kill()

    def configure(self, port):
        """Writes the settings, for the store at a port."""
        with open(self.config, "w") as file:
            if self.level:
                file.write(f"levels:\n  - interval: {self.level}\nl0-retention: {self.level}\n")
            file.write(f"dbs:\n  - path: {self.database}\n")
            if self.interval:
                file.write(f"    monitor-interval: {self.interval}\n")
            file.write(
                f"    replica:\n      type: s3\n      endpoint: http://127.0.0.1:{port}\n      bucket: bench\n"
                f"      path: {self.path}\n      region: us-east-1\n      force-path-style: true\n")
            if self.interval:
                file.write(f"      sync-interval: {self.interval}\n")

    def restoring(self, port, output):
        """The arguments that restore from the store at a port."""
        self.configure(port)
        return [self.program, "restore", "-config", self.config, "-o", output, self.database]

    def wait(self, seconds=600):
        """Waits for a process that runs only once; returns the same as `close`."""
        return self.close(seconds, asks=False)

    def close(self, seconds=60, asks=True):
        """Ends it as a service manager would; returns its processor time in seconds and peak memory in bytes."""
        if asks:
            self.process.terminate()
        end = time.time() + seconds
        while time.time() < end:
            done, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if done:
                if status != 0 and not asks:
                    raise SystemExit("litestream failed: " + open(self.log.name).read()[-600:])
                break
            time.sleep(0.01)
        else:
            self.process.kill()
            _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        self.log.close()
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
