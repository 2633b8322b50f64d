"""A SeaweedFS server, signed requests to it, and a proxy that delays and times requests. Standard library only."""

import collections, datetime, hashlib, hmac, http.client, json, os, random, socket, subprocess, tempfile, threading, time

KEY, SECRET = "benchkey", "benchsecret"


def free_port():
    while True:
        port = random.randrange(10000, 22000)
        try:
            for number in (port, port + 10000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
            return port
        except OSError:
            pass


class Seaweed:
    """A server of its own in a temporary folder, below `place` if that is given; ends with `close`."""

    def __init__(self, program, place=None):
        self.folder = tempfile.TemporaryDirectory(dir=place)
        config = os.path.join(self.folder.name, "s3.json")
        credentials = [{"accessKey": KEY, "secretKey": SECRET}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        with open(config, "w") as file:
            json.dump({"identities": [{"name": "b", "credentials": credentials, "actions": actions}]}, file)
        master, volume, filer, self.port = (free_port() for _ in range(4))
        self.sockets = [
            f"/tmp/seaweedfs-{kind}-{name}.sock"
            for kind, port in zip(("master", "volume", "filer", "s3"), (master, volume, filer, self.port))
            for name in (port, f"grpc-{port + 10000}")]
        self.process = subprocess.Popen(
            [program, f"-logdir={self.folder.name}", "server", f"-dir={self.folder.name}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
             f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3",
             f"-s3.port={self.port}", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 180
        while True:
            try:
                if signed(self.port, "PUT", "/bench")[0] in (200, 409):
                    break
            except OSError:
                pass
            if time.time() > end:
                raise SystemExit("SeaweedFS did not start")
            time.sleep(0.1)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()
        for path in self.sockets:
            if os.path.exists(path):
                os.unlink(path)


def signed(port, method, path, body=b"", connection=None):
    """One request with signature V4; returns status and body."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    host = f"127.0.0.1:{port}"
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
    names = ";".join(sorted(headers))
    canonical = "\n".join([method, path, ""] + [f"{n}:{headers[n]}" for n in sorted(headers)] + ["", names, digest])
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET).encode()
    for part in (now[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def raw_puts(port, count=100, pause=0.0):
    """Returns the seconds of PUTs of 500 bytes on one connection, with `pause` seconds between them: after some idle
    milliseconds, a store answers later."""
    times = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(count):
        start = time.perf_counter()
        status, _ = signed(port, "PUT", f"/bench/raw/{number}", os.urandom(500), connection)
        times.append(time.perf_counter() - start)
        assert status == 200
        if pause:
            time.sleep(pause)
    connection.close()
    return times


class Put:
    """A PUT that succeeded, with its time; with its body if bodies are kept."""

    __slots__ = ("path", "time", "body", "index")

    def __init__(self, path, time, body):
        self.path, self.time, self.body, self.index = path, time, body, None


# An answered request: method, path, bytes of its body and of the answer's, time, and the answer's status.
Passed = collections.namedtuple("Passed", "method path sent received time status")


class TimingProxy:
    """Passes HTTP connections on, each answer `delay` seconds late, and notes when answers to PUTs passed, and all
    requests (`passed`)."""

    def __init__(self, port, delay=0.0, bodies=False):
        self.target, self.delay, self.bodies = port, delay, bodies
        self.puts, self.passed, self.requests = [], [], 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        """One connection: a request, its answer, the next request."""
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            left = b""
            while True:
                line, body, left, sent = self.message(client, server, left, keep=self.bodies)
                if line is None:
                    break
                self.requests += 1
                head, received, rest = self.answer(server, client, line.startswith(b"HEAD"))
                method, path = line.decode().split(" ")[:2]
                status = int(head[9:12]) if head else 0
                self.passed.append(Passed(method, path, sent, received, time.perf_counter(), status))
                if line.startswith(b"PUT") and head and b" 200" in head[:13]:
                    self.puts.append(Put(line.split(b" ")[1].decode(), time.perf_counter(), body))
                if rest is None:
                    break
        except OSError:
            pass
        finally:
            client.close()
            try:
                server.close()
            except UnboundLocalError:
                pass

    def message(self, source, target, data, keep):
        """Passes one request on; returns its first line, its body, the bytes read beyond it, and the body's length."""
        while b"\r\n\r\n" not in data:
            more = source.recv(262144)
            if not more:
                return None, b"", b"", 0
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        length = int(lower[at + 17:].split(b"\r\n", 1)[0]) if at >= 0 else 0
        target.sendall(head + b"\r\n\r\n" + body[:length])
        if b"expect: 100-continue" in lower and len(body) < length:
            source.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        kept, sent = [body[:length]] if keep else [], min(len(body), length)
        while sent < length:
            more = source.recv(min(262144, length - sent))
            if not more:
                return None, b"", b"", sent
            target.sendall(more)
            sent += len(more)
            if keep:
                kept.append(more)
        return head.split(b"\r\n", 1)[0], b"".join(kept), body[length:], length

    def answer(self, source, target, is_head):
        """Passes one answer on, late; returns its head, its body's length, and None if the connection ends with it."""
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = source.recv(262144)
                if not more:
                    return None, 0, None
                data += more
            head, body = data.split(b"\r\n\r\n", 1)
            if not head.startswith(b"HTTP/1.1 100"):
                break
            data = body
        if self.delay:
            time.sleep(self.delay)
        lower = head.lower()
        target.sendall(head + b"\r\n\r\n" + body)
        at = lower.find(b"\r\ncontent-length:")
        if is_head or b" 204" in head[:13] or b" 304" in head[:13]:
            return head, 0, b""
        if at >= 0:
            length = int(lower[at + 17:].split(b"\r\n", 1)[0])
            left = length - len(body)
            while left > 0:
                more = source.recv(262144)
                if not more:
                    return head, length - left, None
                target.sendall(more)
                left -= len(more)
            return head, length, b""
        if b"transfer-encoding: chunked" in lower:
            tail, length = body, len(body)
            while not tail.endswith(b"0\r\n\r\n"):
                more = source.recv(262144)
                if not more:
                    return head, length, None
                target.sendall(more)
                tail, length = (tail + more)[-16:], length + len(more)
            return head, length, b""
        length = len(body)
        while more := source.recv(262144):
            target.sendall(more)
            length += len(more)
        return head, length, None

    def close(self):
        self.listener.close()
