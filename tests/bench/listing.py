#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A web page with links, as rclone's http backend needs one: each leads on to a signed URL.

Usage: listing.py NAME=URL...   Prints its own URL, then serves until it is ended.
"""

import http.server
import sys

FILES = dict(argument.split("=", 1) for argument in sys.argv[1:])


class Listing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.lstrip("/")
        body = b"" if name else "".join(f'<a href="{file}">{file}</a>\n' for file in FILES).encode()
        self.send_response(302 if name in FILES else 404 if name else 200)
        if name in FILES:
            self.send_header("Location", FILES[name])
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listing)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


main()
