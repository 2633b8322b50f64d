"""Litestream beside a database, for comparison."""

import os, subprocess, time

from servers import KEY, SECRET


def environment():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("S3_", "AWS_"))}
    return clean | {"LITESTREAM_ACCESS_KEY_ID": KEY, "LITESTREAM_SECRET_ACCESS_KEY": SECRET}


class Litestream:
    """`litestream replicate` of one database to `path` of the bucket at a port; ends with `close`.

    Where `interval` is set, its two intervals are; else all is as delivered."""

    def __init__(self, program, database, port, path, interval=None):
        self.program, self.database = program, database
        self.config = os.path.join(os.path.dirname(database), "litestream.yml")
        with open(self.config, "w") as file:
            file.write(f"dbs:\n  - path: {database}\n")
            if interval:
                file.write(f"    monitor-interval: {interval}\n")
            file.write(
                f"    replica:\n      type: s3\n      endpoint: http://127.0.0.1:{port}\n      bucket: bench\n      path: {path}\n"
                "      region: us-east-1\n      force-path-style: true\n")
            if interval:
                file.write(f"      sync-interval: {interval}\n")
        self.log = open(os.path.join(os.path.dirname(database), "litestream.log"), "wb")
        self.process = subprocess.Popen(
            [program, "replicate", "-config", self.config], stdout=self.log, stderr=self.log, env=environment())

    def restore(self, output):
        subprocess.run(
            [self.program, "restore", "-config", self.config, "-o", output, self.database], check=True, env=environment(),
            stdout=self.log, stderr=self.log)

    def close(self, seconds=60):
        """Ends it as a service manager would; returns its processor time in seconds and peak memory in bytes."""
        self.process.terminate()
        end = time.time() + seconds
        while time.time() < end:
            done, _, usage = os.wait4(self.process.pid, os.WNOHANG)
            if done:
                break
            time.sleep(0.01)
        else:
            self.process.kill()
            _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        self.log.close()
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
