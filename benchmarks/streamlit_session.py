"""A person's browser session without a browser: Streamlit's own websocket messages, its ticking fragments included.

It keeps what the page holds as a browser would: elements by place, widget values, the address, the timers of fragments
that run by themselves. It draws nothing, so many fit beside a server.
"""

import asyncio
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileUploaderState, FileURLs
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.starting import wait_until_it_answers

SERVE = Path(__file__).parent / "serve.py"
ASK_AGAIN = 10.0
"""Seconds after which a person drops a file once more."""


@dataclass(frozen=True)
class Served:
    """A server in a process of its own, as it ships."""

    url: str
    pid: int

    def processor_seconds(self) -> float:
        """That it and its children have computed; 0 where there is no /proc."""
        processes = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                processes[int(folder.name)] = int(fields[1]), sum(map(int, fields[11:15]))
        family, grown = {self.pid}, True
        while grown:
            more = {pid for pid, (parent, _) in processes.items() if parent in family} - family
            family, grown = family | more, bool(more)
        return sum(processes[pid][1] for pid in family if pid in processes) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(folder: Path, script: Path = SERVE) -> Iterator[Served]:
    """On a free port, with its state in `folder`/data, once it answers. Raises RuntimeError with its log."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log, url = folder / "server.log", f"http://127.0.0.1:{port}"
    environment = {**os.environ, "MTUNET_DATA": str(folder / "data")}
    with log.open("a") as output:
        server = subprocess.Popen([sys.executable, script, str(port)], env=environment, stdout=output, stderr=output)
    try:
        wait_until_it_answers(url, lambda: server.poll() is None, log)
        yield Served(url, server.pid)
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


class Session:
    """`async with Session(base, "room=ABCDEF", "/teaching") as session:`"""

    def __init__(self, base: str, query: str = "", path: str = "", timeout: float = 120.0) -> None:
        self.base, self.query, self.timeout = base.rstrip("/"), query, timeout
        self.page_url = f"{self.base}{path}"
        self.page_name = path.strip("/")
        self.page_hash = ""
        self.elements: dict[tuple[int, ...], tuple[str, Any, str]] = {}
        """Place in the page → kind, what it is, the fragment that drew it."""
        self.exceptions: list[str] = []
        self.received = 0
        self.runs = 0
        """Of the script, or a fragment, that have ended."""
        self.ticks: list[float] = []
        """Seconds that each run of a ticking fragment took, from asking to its end."""
        self._values: dict[str, tuple[str, Any]] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Condition()
        self._fragment_at: dict[str, float] = {}
        self.ended = False
        self.session_id = ""
        self.toasts: list[str] = []
        self._xsrf: str | None = None
        self._addresses: dict[str, FileURLs] = {}
        """Where files may be put, by the request that asked."""

    async def __aenter__(self) -> Self:
        self._xsrf = cookie = await asyncio.to_thread(self._cookie)
        headers = {"Cookie": f"_streamlit_xsrf={cookie}"} if cookie else {}
        address = f"{self.base.replace('http', 'ws', 1)}/_stcore/stream"
        self._socket = await websockets.connect(
            address,
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=None,
            additional_headers=headers,
            open_timeout=self.timeout,
            ping_interval=None,
        )
        self._listening = asyncio.create_task(self._listen())
        await self.send()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in [self._listening, *self._timers.values()]:
            task.cancel()
        await self._socket.close()

    # What a person does

    async def click(self, key_end: str) -> None:
        """Press the button whose key ends so."""
        if self.widget(key_end) is None:  # the page is being drawn
            await self.wait(lambda page: page.widget(key_end) is not None)
        _, button, fragment = self._widget(key_end)
        await self.send({button.id: ("trigger_value", True)}, fragment)

    def write(self, key_end: str, words: str) -> None:
        """Into a text field; sent with the next click."""
        self._values[self._widget(key_end)[1].id] = ("string_value", words)

    async def upload(self, key_end: str, name: str, data: bytes) -> None:
        """Drop a file, as a browser does: ask for an address, put it there, say so. Raises OSError."""
        if self.widget(key_end) is None:
            await self.wait(lambda page: page.widget(key_end) is not None)
        end, urls = time.monotonic() + self.timeout, None
        while urls is None and time.monotonic() < end:
            urls = await self._address_for(name)
        if urls is None:
            raise TimeoutError(f"In {self.timeout:.0f} s there was no address for a file.")
        await asyncio.to_thread(self._put, urls.upload_url, name, data)
        await self.wait(lambda page: page.widget(key_end) is not None)  # the page may be drawn again meanwhile
        _, uploader, fragment = self._widget(key_end)
        state = FileUploaderState()
        state.uploaded_file_info.add(name=name, size=len(data), file_id=urls.file_id, file_urls=urls)
        await self.send({uploader.id: ("file_uploader_state_value", state)}, fragment)

    async def _address_for(self, name: str) -> FileURLs | None:
        """Where a file is to be put. None where no answer came: Streamlit drops one that waits when a page is begun."""
        message = BackMsg()
        request = message.file_urls_request
        request.request_id, request.session_id = f"{name} {time.monotonic()}", self.session_id
        request.file_names.append(name)
        await self._socket.send(message.SerializeToString())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(lambda page: request.request_id in page._addresses), ASK_AGAIN)
        return self._addresses.pop(request.request_id, None)

    def _put(self, path: str, name: str, data: bytes) -> None:
        address = urlsplit(self.base)
        mark = "mtunet-upload"
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Cookie": f"_streamlit_xsrf={self._xsrf}",
            "X-Xsrftoken": self._xsrf or "",
        }
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=self.timeout)
        with contextlib.closing(connection):
            connection.request("PUT", path, head + data + f"\r\n--{mark}--\r\n".encode(), headers)
            if (answer := connection.getresponse()).status >= 300:
                raise OSError(f"The upload was answered by {answer.status}.")

    async def decide(self, reader: str, answer: str) -> None:
        """Recall or no recall, as the viewer's own program sends it; on disk once this returns. Raises OSError."""

        def desks(page: "Session") -> list[str]:
            return re.findall(r"mtunet/desk/[^\"\\?]+", json.dumps(page.components("")))

        await self.wait(lambda page: bool(desks(page)))
        body = json.dumps({"reader": reader, "act": "study", "answer": answer}).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.base}/{desks(self)[0]}", body, headers)
        await asyncio.to_thread(lambda: urllib.request.urlopen(asked, timeout=self.timeout).read())

    async def trigger(self, component: str, event: str, value: object) -> None:
        """What a component's program reports by itself."""
        for kind, element, fragment in self.elements.values():
            if kind == "bidi_component" and element.component_name.endswith(component):
                events = json.dumps([{"event": event, "value": value}])
                name = f"$$STREAMLIT_INTERNAL_KEY_{element.id}__events"
                await self.send({name: ("json_trigger_value", events)}, fragment)
                return
        raise LookupError(f"There is no component {component} on the page.")

    async def wait(self, there: Callable[["Session"], bool]) -> float:
        """Until the page holds something; gives the time of the message that brought it."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: self.ended or there(self)), self.timeout)
            except TimeoutError:
                raise TimeoutError(f"In {self.timeout:.0f} s it did not come; the page says {self.texts()}.") from None
        if self.ended:
            self._listening.result()
            raise ConnectionError("The server closed the session.")
        return time.perf_counter()

    # What the page holds

    def texts(self) -> list[str]:
        kinds = ("markdown", "text", "heading", "alert", "progress")
        return [
            getattr(e, "body", "") or getattr(e, "text", "") for kind, e, _ in self.elements.values() if kind in kinds
        ]

    def says(self, words: str) -> bool:
        return any(words in text for text in self.texts())

    def widget(self, key_end: str) -> Any | None:
        """None where the page has none whose key ends so."""
        with contextlib.suppress(LookupError):
            return self._widget(key_end)[1]
        return None

    def components(self, name: str) -> list[dict[str, Any]]:
        """Data of the components of a name."""
        return [
            json.loads(e.json or e.mixed.json)
            for kind, e, _ in self.elements.values()
            if kind == "bidi_component" and e.component_name.endswith(name)
        ]

    def _widget(self, key_end: str) -> tuple[str, Any, str]:
        for kind, element, fragment in self.elements.values():
            if getattr(element, "id", "").endswith(key_end):
                return kind, element, fragment
        raise LookupError(f"There is no widget {key_end} on the page: {self.texts()}")

    # Messages

    async def send(
        self, triggers: dict[str, tuple[str, Any]] | None = None, fragment: str = "", *, tick: bool = False
    ) -> None:
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string, rerun.page_script_hash = self.query, self.page_hash
        rerun.page_name = "" if self.page_hash else self.page_name
        rerun.fragment_id, rerun.is_auto_rerun = fragment, tick
        rerun.context_info.url = self.page_url
        rerun.widget_states.SetInParent()
        for name, (field, value) in {**self._values, **(triggers or {})}.items():
            widget = rerun.widget_states.widgets.add(id=name)
            if isinstance(value, FileUploaderState):
                widget.file_uploader_state_value.CopyFrom(value)
            else:
                setattr(widget, field, value)
        await self._socket.send(message.SerializeToString())

    async def _listen(self) -> None:
        try:
            await self._take_all()
        finally:  # whoever waits is told of the end
            self.ended = True
            async with self._changed:
                self._changed.notify_all()

    async def _take_all(self) -> None:
        async for data in self._socket:
            message = ForwardMsg()
            message.ParseFromString(data)  # type: ignore[arg-type]
            self.received += len(data)
            self._take(message)
            async with self._changed:
                self._changed.notify_all()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session_id = message.new_session.initialize.session_id or self.session_id
            if not message.metadata.run.fragment_ids:
                self._begin()
        elif kind == "file_urls_response":
            self._addresses[message.file_urls_response.response_id] = message.file_urls_response.file_urls[0]
        elif kind == "delta":
            self._draw(message)
        elif kind == "navigation":
            self.page_hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            self._tick(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "script_finished":
            self.runs += 1
            for fragment, at in list(self._fragment_at.items()):
                self.ticks.append(time.perf_counter() - at)
                del self._fragment_at[fragment]

    def _begin(self) -> None:
        self.elements.clear()  # a browser keeps them until they are drawn anew: for waiting, only the new ones count
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _draw(self, message: ForwardMsg) -> None:
        place = tuple(message.metadata.delta_path)
        delta = message.delta
        if delta.WhichOneof("type") != "new_element":
            return  # what stood in a block stays on a browser's screen until its run is over
        kind = delta.new_element.WhichOneof("type")
        element = getattr(delta.new_element, kind)
        self.elements[place] = (kind, element, delta.fragment_id)
        if kind == "toast":
            self.toasts.append(element.body)
        if kind == "exception":
            self.exceptions.append(f"{element.type}: {element.message}")

    def _tick(self, fragment: str, interval: float) -> None:
        if fragment in self._timers:
            return

        async def run() -> None:
            while True:
                await asyncio.sleep(interval)
                self._fragment_at.setdefault(fragment, time.perf_counter())
                await self.send(fragment=fragment, tick=True)

        self._timers[fragment] = asyncio.create_task(run())

    def _cookie(self) -> str | None:
        address = urlsplit(self.base)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=self.timeout)
        with contextlib.closing(connection):
            connection.request("GET", f"{address.path}/_stcore/health")
            answer = connection.getresponse()
            answer.read()
            match = re.search(r"_streamlit_xsrf=([^;]+)", answer.getheader("set-cookie") or "")
        return match[1] if match else None
