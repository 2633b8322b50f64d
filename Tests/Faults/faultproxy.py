"""An HTTP proxy that makes requests fail like networks and stores do, from a seed. Standard library only."""

import http.client, random, socket, socketserver, threading, time
from http.server import BaseHTTPRequestHandler

FAULTS = ["delay", "reset", "lost-answer", "error", "slow-down", "truncate", "stale-list"]


class FaultProxy:
    """Passes requests on to a server; `rate` is the share of requests that fail.

    `down` drops every connection, `refusal` (a status and an error code) answers every request.
    `watch(method, path, when)` is called before ("before") and after ("after") each request is passed on; where it
    returns true the connection is dropped then. `listener` is a socket to accept from, in place of one of its own."""

    def __init__(self, target, seed=0, rate=0.0, kinds=FAULTS, watch=None, listener=None):
        self.target, self.rate, self.kinds, self.watch = target, rate, kinds, watch
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.lists, self.counts, self.down, self.refusal = {}, {}, False, None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def pass_on(self):
                proxy.handle(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = pass_on

        class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
            daemon_threads, request_queue_size = True, 128

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler, bind_and_activate=listener is None)
        if listener:
            self.server.socket.close()
            self.server.socket, self.server.server_address = listener, listener.getsockname()
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def draw(self):
        with self.lock:
            if self.random.random() >= self.rate:
                return None
            kind = self.random.choice(self.kinds)
            self.counts[kind] = self.counts.get(kind, 0) + 1
            return kind

    def handle(self, request):
        if self.down:
            return self.drop(request)
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        if self.refusal:
            status, code = self.refusal
            return self.answer(request, status, {}, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
        fault = self.draw()
        if fault == "reset" or self.watch and self.watch(request.command, request.path, "before"):
            return self.drop(request)
        if fault == "error":
            return self.answer(request, 500, {}, b"<Error><Code>InternalError</Code></Error>")
        if fault == "slow-down":
            return self.answer(request, 503, {}, b"<Error><Code>SlowDown</Code></Error>")
        if fault == "delay":
            time.sleep(self.random.uniform(0.05, 1.5))
        is_list = request.command == "GET" and "prefix=" in request.path
        if is_list and fault == "stale-list" and request.path in self.lists:
            return self.answer(request, *self.lists[request.path])
        upstream = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        try:
            upstream.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name.lower() not in ("expect", "connection"):
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            response = upstream.getresponse()
            data, headers = response.read(), dict(response.getheaders())
        except (OSError, http.client.HTTPException):
            return self.drop(request)
        finally:
            upstream.close()
        if is_list:
            self.lists[request.path] = (response.status, headers, data)
        if fault == "lost-answer" or self.watch and self.watch(request.command, request.path, "after"):
            return self.drop(request)
        if fault == "truncate" and len(data) > 1:
            return self.answer(request, response.status, headers, data, cut=self.random.randrange(len(data)))
        self.answer(request, response.status, headers, data)

    def answer(self, request, status, headers, data, cut=None):
        length = headers.get("Content-Length") if request.command == "HEAD" else len(data)
        text = f"HTTP/1.1 {status} X\r\n"
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                text += f"{name}: {value}\r\n"
        if status != 204 and length is not None:
            text += f"Content-Length: {length}\r\n"
        request.wfile.write(text.encode("latin-1") + b"\r\n" + (b"" if request.command == "HEAD" else data[:cut]))
        request.wfile.flush()
        if cut is not None:
            self.drop(request)

    def drop(self, request):
        request.close_connection = True
        try:
            request.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.server.shutdown()
        self.server.server_close()
