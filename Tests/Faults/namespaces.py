"""Simulates machines with Linux namespaces. Each has its own host name, boot id, process numbers, network, clocks and disk.

Needs root. A machine's network has only a loopback interface. A proxy on that interface leads to the store."""

import ctypes, fcntl, hashlib, os, signal, socket, struct, subprocess, threading, time, uuid

from faultproxy import FaultProxy
from moved_clock import MovedClock
from servers_here import signed

CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 1
NAMESPACES = ["--uts", "--pid", "--net", "--mount"]
INIT = 'hostname "$1" && mount --bind "$2" /proc/sys/kernel/random/boot_id && echo ready && exec cat'


def are_possible():
    """Returns whether this user may create these namespaces on this system."""
    return subprocess.run(["unshare", *NAMESPACES, "--fork", "--mount-proc", "true"], capture_output=True).returncode == 0


def child(process, deadline=10):
    """Waits until a process has started another process, and returns that process's number."""
    end = time.time() + deadline
    while time.time() < end:
        with open(f"/proc/{process}/task/{process}/children") as file:
            found = file.read().split()
        if found:
            return int(found[0])
        time.sleep(0.002)
    raise AssertionError(f"process {process} has started nothing")


def listen_in(process):
    """Returns a socket that listens on 127.0.0.1 in the network of a process."""
    made = []

    def make():
        # Only this thread enters the other network, and it ends with this function.
        with open(f"/proc/{process}/ns/net") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        listener = socket.socket()
        fcntl.ioctl(listener, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        made.append(listener)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


class HostProxy(FaultProxy):
    """Connects a host to the store, and can hold requests, send them on later, lose them, and lose their answers.

    `broken` simulates a broken store: "conditions" ignores conditions, "answers" gives false answers.
    `catch` determines the fate of the next matching PUT: (part of the path, "hold" | "lose" | "lose-answer")."""

    def __init__(self, target, listener):
        super().__init__(target, watch=self.meet, listener=listener)
        self.catch, self.held, self.caught = None, [], threading.Event()
        self.is_silent, self.clock, self.busy, self.broken = False, 0, 0, ""

    def handle(self, request):
        with self.lock:
            self.busy += 1
        try:
            self.pass_on(request)
        finally:
            with self.lock:
                self.busy -= 1

    def pass_on(self, request):
        if self.is_silent:
            # A silent network accepts requests and never answers.
            end = time.time() + 60
            while self.is_silent and time.time() < end:
                time.sleep(0.02)
            return self.drop(request)
        is_create = self.broken and request.command == "PUT" and "if-none-match" in request.headers
        if not is_create or self.broken == "answers" and self.random.random() < 29 / 30:
            return super().handle(request)
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        if self.meet("PUT", request.path, "before"):
            return self.drop(request)
        if self.broken == "conditions":
            signed(self.target, "PUT", request.path, body)
        self.answer(request, 200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}, b"")

    def meet(self, method, path, when):
        if when == "after":
            return self.is_silent or self.take(method, path, ["lose-answer"]) is not None
        kind = self.take(method, path, ["hold", "lose"])
        if kind == "hold":
            release = threading.Event()
            self.held.append((path, release))
            self.caught.set()
            release.wait(120)
        return kind == "lose"

    def take(self, method, path, kinds):
        with self.lock:
            if method != "PUT" or not self.catch or self.catch[0] not in path or self.catch[1] not in kinds:
                return None
            kind = self.catch[1]
            self.catch = None
        if kind != "hold":
            self.caught.set()
        return kind

    def set_catch(self, part, kind):
        self.caught.clear()
        with self.lock:
            self.catch = (part, kind)

    def release(self):
        """Sends all held requests on, even if their senders ended long ago; returns their paths."""
        held, self.held = self.held, []
        for _, event in held:
            event.set()
        return [path.split("?")[0] for path, _ in held]

    def wait_until_idle(self, seconds=20):
        """Waits until every request has been sent on and answered."""
        end = time.time() + seconds
        while self.busy and time.time() < end:
            time.sleep(0.005)

    def answer(self, request, status, headers, data, cut=None):
        if self.clock and "Date" in headers:
            headers = {**headers, "Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + self.clock))}
        super().answer(request, status, headers, data, cut)


class Host:
    """One machine. Its disk survives a `boot`; its processes and its network do not."""

    def __init__(self, root, letter, library, store):
        self.letter, self.store, self.program_environment = letter, store, {}
        self.folder = f"{root}/{letter}"
        os.mkdir(self.folder)
        self.clock = MovedClock(library, f"{root}/clock-{letter}")
        self.proxies, self.process = [], None

    def boot(self, name):
        """Starts the machine again, with this host name and a new boot id."""
        self.stop()
        self.name = name
        identity = f"{self.folder}.boot"
        with open(identity, "w") as file:
            file.write(f"{uuid.uuid4()}\n")
        self.process = subprocess.Popen(
            ["unshare", *NAMESPACES, "--propagation", "private", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", INIT, "sh", name, identity], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n", "the namespaces cannot be set up"
        self.init = child(self.process.pid)
        self.proxy = HostProxy(self.store, listen_in(self.init))
        self.proxies.append(self.proxy)

    def stop(self):
        """Kills all processes of the machine at once, as a power failure does."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def environment(self):
        return {**self.program_environment, **self.clock.environment, "HOME": self.folder,
                "S3_HOSTNAME": f"http://127.0.0.1:{self.proxy.port}"}

    def start(self, arguments, **options):
        """Starts a program on this host."""
        command = ["nsenter", "--target", str(self.init), *NAMESPACES, "--", "env", f"--chdir={self.folder}"]
        command += [f"{name}={value}" for name, value in self.environment().items()]
        return subprocess.Popen(command + arguments, **options)

    def signal(self, process, number):
        """Sends a signal to the program that `start` started. `nsenter` stops with the program, so it must get SIGCONT too."""
        try:
            os.kill(child(process.pid, 1), number)
            if number == signal.SIGCONT:
                process.send_signal(number)
        except (AssertionError, OSError):
            pass

    def close(self):
        """Stops the machine and closes its proxies."""
        self.stop()
        for proxy in self.proxies:
            proxy.is_silent = False
            proxy.release()
            proxy.close()
        self.proxies = []
