"""The HTTP front of the shop."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shop import __version__
from shop.cart import PRICES, UnknownItemError, total

MAX_BODY = 64 * 1024


class Handler(BaseHTTPRequestHandler):
    """GET /healthz, GET /prices, POST /total."""

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, {"status": "ok", "version": __version__})
        elif self.path == "/prices":
            self._answer(200, PRICES)
        else:
            self._answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        if self.path != "/total":
            self._answer(404, {"error": "not found"})
            return
        length = min(int(self.headers.get("Content-Length") or 0), MAX_BODY)
        try:
            self._answer(200, {"cents": total(json.loads(self.rfile.read(length)))})
        except UnknownItemError as error:
            self._answer(422, {"error": f"unknown item {error}"})
        except (ValueError, TypeError, AttributeError):
            self._answer(400, {"error": "a cart is an object of counts"})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the bots watch."""


def main() -> None:
    """Serve on loopback, on the port in PORT."""
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Handler).serve_forever()


if __name__ == "__main__":
    main()
