"""A web site on this machine, for tests."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server.certificate_authority import Files

ICS = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"


@dataclass
class Answer:
    """The response of the server at a path; with a longer length than the body, it stalls."""

    body: bytes = ICS
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


class Site:
    """A server on loopback, and the requests that it received."""

    def __init__(self, server: ThreadingHTTPServer, scheme: str) -> None:
        self.answers: dict[str, Answer] = {"/anna.ics": Answer()}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.host = f"localhost:{server.server_port}"
        self.root = f"{scheme}://{self.host}"
        self.over = threading.Event()

    def address(self, path: str = "/anna.ics") -> str:
        return self.root + path


@contextmanager
def serving(files: Files | None = None) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append((self.path, dict(self.headers)))
            answer = site.answers.get(self.path.partition("?")[0], Answer(b"", 404))
            self.send_response(answer.status)
            size = len(answer.body) if answer.length is None else answer.length
            for name, value in {"Content-Length": str(size), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            if size > len(answer.body):
                site.over.wait()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site = Site(server, "https" if files else "http")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
