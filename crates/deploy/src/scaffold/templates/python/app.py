"""{{name}}: answers on $HOST:$PORT, tells how it is at /health, and ends in order on SIGTERM."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def answer(path):
    """The status and the body for a path."""
    if path == "/health":
        return 200, {"status": "ok"}
    if path == "/":
        return 200, {"hello": "{{name}}"}
    return 404, {"error": "there is nothing here"}


class Handler(BaseHTTPRequestHandler):
    timeout = 30

    def do_GET(self):
        status, body = answer(self.path.split("?", 1)[0])
        text = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(ThreadingHTTPServer):
    # Requests that began are finished before the program ends.
    daemon_threads = False
    request_queue_size = 128


def main():
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "{{port}}")))
    server = Server(address, Handler)

    def stop(_signal, _frame):
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
