"""A headless Chromium, driven by its DevTools protocol through a pair of pipes.

The protocol (https://chromedevtools.github.io/devtools-protocol) needs no package and no open
port this way: Chromium reads commands from file descriptor 3 and answers on 4, as JSON that ends
with a zero byte.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # which root and containers cannot have; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
]
# A program that gives its first two arguments the numbers that Chromium asks for and becomes it.
EXEC = """import os, sys
for number, theirs in zip((3, 4), sys.argv[1:3]):
    os.dup2(int(theirs), number)
os.execv(sys.argv[3], sys.argv[3:])"""
PATIENCE = 60  # seconds for one answer of a slow machine


def find_chromium():
    """Return the path of a Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a headless browser; a context manager.

    Parameters
    ----------
    command : str
        Path of Chromium or Chrome.
    """

    def __init__(self, command):
        self._n_sent, self._unread, self._session = 0, b"", None
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._launch([command, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"])
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _launch(self, command):
        import fcntl  # which Windows does not have

        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        # Numbers above 4, so that neither is overwritten while they become 3 and 4.
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands, answers)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", EXEC, *map(str, theirs), *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=theirs,
        )
        for end in (commands, answers, *theirs):
            os.close(end)

    def _attach(self):
        pages = self._send("Target.getTargets")["targetInfos"]
        page = next(target for target in pages if target["type"] == "page")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]

    def __enter__(self):
        """Return the browser."""
        return self

    def __exit__(self, *error):
        """End the browser."""
        self.close()

    def close(self):
        """End the browser and remove its profile."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._write)
        os.close(self._read)
        self._profile.cleanup()

    def _send(self, method, **params):
        self._n_sent += 1
        message = {"id": self._n_sent, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._receive()
        while answer.get("id") != self._n_sent:  # an event, which nobody here waits for
            answer = self._receive()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _receive(self):
        while b"\0" not in self._unread:
            if not select.select([self._read], [], [], PATIENCE)[0]:
                raise TimeoutError(f"no answer from the browser within {PATIENCE} s")
            part = os.read(self._read, 2**16)
            if not part:
                raise RuntimeError("the browser has ended")
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def resize(self, width, height, mobile=False):
        """Set the size of the window in CSS pixels."""
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip

    def open(self, url):
        """Open a page and wait until it and its pictures are there."""
        self._send("Page.navigate", url="about:blank")
        self.wait_for("location.href == 'about:blank'")
        self._send("Page.navigate", url=url)
        self.wait_for("location.href != 'about:blank' && document.readyState == 'complete'")

    def run(self, script):
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self._send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['result'].get('description')}")
        return answer["result"].get("value")

    def wait_for(self, script):
        """Wait until a JavaScript expression is true and return its value."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if value := self.run(script):
                    return value
            except RuntimeError:  # the page is being replaced
                pass
            time.sleep(0.05)
        raise TimeoutError(f"not true within {PATIENCE} s: {script}")
