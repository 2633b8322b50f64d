"""A SeaweedFS server, signed requests to it, and a proxy that delays and times requests. Standard library only."""

import datetime, hashlib, hmac, http.client, json, os, random, socket, subprocess, tempfile, threading, time

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
    """A server of its own in a temporary folder; ends with `close`."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        config = os.path.join(self.folder.name, "s3.json")
        credentials = [{"accessKey": KEY, "secretKey": SECRET}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        with open(config, "w") as file:
            json.dump({"identities": [{"name": "b", "credentials": credentials, "actions": actions}]}, file)
        master, volume, filer, self.port = (free_port() for _ in range(4))
        self.process = subprocess.Popen(
            [program, "server", f"-dir={self.folder.name}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
             f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3",
             f"-s3.port={self.port}", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 60
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


class Proxy:
    """Passes connections on, each answer `delay` seconds late, and notes when answers to PUTs of slices passed."""

    def __init__(self, port, delay=0.0):
        self.target, self.delay = port, delay
        self.slices, self.requests = [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            state = {"slice": False}
            threading.Thread(target=self.upstream, args=(client, server, state), daemon=True).start()
            threading.Thread(target=self.downstream, args=(server, client, state), daemon=True).start()

    def upstream(self, client, server, state):
        try:
            while data := client.recv(65536):
                line = data.split(b"\r\n", 1)[0]
                if line.endswith(b"HTTP/1.1"):
                    self.requests.append((time.perf_counter(), line))
                    # A merged slice is no news: it reaches over several transactions.
                    name = line.split(b"/wal/")[-1]
                    state["slice"] = line.startswith(b"PUT") and b"/wal/" in line and name[:16] == name[17:33]
                server.sendall(data)
        except OSError:
            pass
        for end in (client, server):
            end.close()

    def downstream(self, server, client, state):
        try:
            while data := server.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                if state["slice"] and data.startswith(b"HTTP/1.1 200"):
                    self.slices.append(time.perf_counter())
                client.sendall(data)
        except OSError:
            pass
        for end in (client, server):
            end.close()

    def close(self):
        self.listener.close()
