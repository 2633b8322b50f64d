"""Common parts of the programs of this folder: their options, a server behind a proxy, and the shell's environment for it."""

import argparse, os, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Bench"))
from faultproxy import FaultProxy
from servers import KEY, SECRET, Seaweed, raw_puts, signed


def options(description, **defaults):
    """Parses PROGRAM, and --name VALUE for each default; --seed always exists."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    for name, value in {"weed": ".venv-tests/bin/weed", "seed": int(time.time()), **defaults}.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    return parser.parse_args()


class Store:
    """SeaweedFS behind a proxy that makes faults; with `environment`, the shell uses it."""

    def __init__(self, weed, **proxy):
        self.server = Seaweed(weed)
        self.proxy = FaultProxy(self.server.port, **proxy)
        self.environment = {
            "S3_ACCESS_KEY_ID": KEY, "S3_SECRET_ACCESS_KEY": SECRET,
            "S3_HOSTNAME": f"http://127.0.0.1:{self.proxy.port}"}

    def close(self):
        self.proxy.close()
        self.server.close()
