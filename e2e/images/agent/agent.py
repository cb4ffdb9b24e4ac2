"""The workload of the demo and of the tests: an agent that does the same every few seconds, and what it is asked to.

Everyday work: spawn a helper program and call the agents' own Service. What a new image brings is listed in
/etc/agent/at-start, a command a line, and spawned once when the agent starts.

POST /run {"argv": ["bash", "-c", "id"]} spawns that program and answers with the pod's name. With "socket": true its
standard input is a connection, as a reverse shell's is.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8080
EVERYDAY_SECONDS = float(os.environ.get("EVERYDAY_SECONDS", "5"))
HELPER = ["/usr/bin/date", "+%s"]
AT_START = "/etc/agent/at-start"


def spawn(argv, stdin=subprocess.DEVNULL):
    done = subprocess.run(argv, stdin=stdin, capture_output=True, text=True, timeout=30)
    return {"pod": os.uname().nodename, "code": done.returncode, "output": done.stdout + done.stderr}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {"pod": os.uname().nodename})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            asked = json.loads(body)
            if asked.get("socket"):
                with socket.create_connection(("127.0.0.1", PORT)) as connection:
                    self.answer(200, spawn(asked["argv"], connection))
            else:
                self.answer(200, spawn(asked["argv"]))
        except (ValueError, KeyError, OSError, subprocess.SubprocessError) as error:
            self.answer(400, {"pod": os.uname().nodename, "error": str(error)})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def everyday(service):
    while True:
        spawn(HELPER)
        if service:
            try:
                urllib.request.urlopen(service, timeout=2).read()
            except OSError as error:
                print(f"the service did not answer: {error}", file=sys.stderr, flush=True)
        time.sleep(EVERYDAY_SECONDS)


def at_start():
    if os.path.exists(AT_START):
        with open(AT_START, encoding="utf-8") as file:
            for line in file:
                spawn(line.split())


def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    at_start()
    threading.Thread(target=everyday, args=(os.environ.get("SERVICE_URL"),), daemon=True).start()
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()


main()
