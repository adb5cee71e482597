"""The HTTP front of the shop."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shop import __version__
from shop.cart import PRICES, UnknownItemError, total

MAX_BODY = 64 * 1024


def answer(method: str, path: str, body: bytes = b"") -> tuple[int, object]:
    """The status and the content that answer a request."""
    match method, path:
        case "GET", "/healthz":
            return 200, health()
        case "GET", "/prices":
            return 200, PRICES
        case "POST", "/total":
            return price(body)
    return 404, {"error": "not found"}


def health() -> dict[str, object]:
    """What an operator wants to know."""
    return {"status": "ok", "version": __version__}


def price(body: bytes) -> tuple[int, object]:
    """What the cart in a request costs."""
    try:
        return 200, {"cents": total(json.loads(body))}
    except UnknownItemError as error:
        return 422, {"error": f"unknown item {error}"}
    except (ValueError, TypeError, AttributeError):
        return 400, {"error": "a cart is an object of counts"}


class Handler(BaseHTTPRequestHandler):
    """GET /healthz, GET /prices, POST /total."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), MAX_BODY)
        try:
            status, content = answer(self.command, self.path, self.rfile.read(length))
        except Exception as error:
            status, content = 500, {"error": repr(error)}
        data = json.dumps(content).encode()
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
