#!/usr/bin/env python3
"""An S3 server for the tests: moto's, and some addresses more.

    s3.py PORT

`POST /-/age?bucket=B&key=K&days=N` makes an object N days older, `POST /-/fail?bucket=B&requests=N&status=503` answers the
next N requests about a bucket with a status, `POST /-/unfinished?bucket=B` counts the multipart
uploads that were begun, and `POST /-/abort?bucket=B` aborts them. Everything is in memory.
"""

import sys
import threading
from datetime import timedelta
from urllib.parse import parse_qs

from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

lock = threading.Lock()
failing = {}


def age(asked):
    backend = s3_backends["123456789012"]["aws"]
    key = backend.buckets[asked["bucket"][0]].keys[asked["key"][0]]
    key.last_modified -= timedelta(days=int(asked["days"][0]))


def unfinished(asked):
    return len(s3_backends["123456789012"]["aws"].buckets[asked["bucket"][0]].multiparts)


def abort(asked):
    s3_backends["123456789012"]["aws"].buckets[asked["bucket"][0]].multiparts.clear()


def fail(asked):
    failing[asked["bucket"][0]] = (int(asked["requests"][0]), asked.get("status", ["503"])[0])


TOLD = {"age": age, "fail": fail, "unfinished": unfinished, "abort": abort}


class Store:
    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        with lock:
            if path.startswith("/-/"):
                told = TOLD[path[3:]](parse_qs(environ["QUERY_STRING"]))
                body = b"" if told is None else str(told).encode()
                start_response("200 OK", [("Content-Length", str(len(body)))])
                return [body]
            bucket = path.split("/")[1]
            left, status = failing.get(bucket, (0, ""))
            if left > 0:
                failing[bucket] = (left - 1, status)
                start_response(f"{status} As Told", [("Content-Length", "0")])
                return []
        return self.moto(environ, start_response)


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), Store(), threaded=True, request_handler=Quiet).serve_forever()
