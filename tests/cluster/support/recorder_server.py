"""Runs in a pod: records every request and answers as it is told. The standard library alone, one file.

`GET /_/received` gives what came, `DELETE /_/received` forgets it, `PUT /_/answer` sets the answer.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOCK = threading.Lock()
RECEIVED: list[dict[str, Any]] = []
ANSWER: dict[str, Any] = {"status": 200, "headers": {}, "body": "ok", "delay": 0}


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        with LOCK:
            RECEIVED.append(
                {
                    "method": self.command,
                    "target": self.path,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "body": body.decode("utf-8", "replace"),
                    "at": time.time(),
                }
            )
            answer = dict(ANSWER)
        time.sleep(answer["delay"])
        self._answer(answer["status"], answer["headers"], answer["body"].encode())

    def do_GET(self) -> None:
        with LOCK:
            content = json.dumps(RECEIVED if self.path == "/_/received" else {"up": True}).encode()
        self._answer(200, {"Content-Type": "application/json"}, content)

    def do_DELETE(self) -> None:
        with LOCK:
            RECEIVED.clear()
        self._answer(200, {"Content-Type": "application/json"}, b"{}")

    def do_PUT(self) -> None:
        with LOCK:
            ANSWER.update(json.loads(self._body()))
        self._answer(200, {"Content-Type": "application/json"}, b"{}")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the standard library
        print(format % args, flush=True)


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


if __name__ == "__main__":
    Server(("", int(sys.argv[1])), Recorder).serve_forever()
