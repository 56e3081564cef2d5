"""A real browser for tests: headless Chromium, driven over its own protocol."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--remote-debugging-port=0", "--window-size=1100,900",
)  # fmt: skip


WAIT = 120.0  # seconds for anything that is waited for: a machine may be busy with other things


class Tab:
    """One page: scripts are run in it, keys typed, files saved to a folder."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **given: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": given})
        while True:
            told = await asyncio.wait_for(self._socket.receive_json(), WAIT)
            if told.get("id") == self._number:
                assert "error" not in told, told
                return dict(told["result"])
            self.events.append(told)

    async def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        told = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until an expression in the page is true."""
        for _ in range(int(WAIT / 0.05)):
            if await self.run(script):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came true: {script}; the page: {await self.run('document.body.innerText')}")

    async def text(self, element: str, begin: str) -> str:
        """The text of the element of an id, once it begins so."""
        await self.until(f"document.getElementById({element!r}).textContent.startsWith({begin!r})")
        return str(await self.run(f"document.getElementById({element!r}).textContent"))

    async def reload(self) -> None:
        """The page anew, and its script has run."""
        self.events = [event for event in self.events if event["method"] != "Page.loadEventFired"]
        await self.call("Page.reload")
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(await asyncio.wait_for(self._socket.receive_json(), WAIT))

    async def key(self, key: str, modifiers: int = 0) -> None:
        text = {"text": {"Enter": "\r"}.get(key, key)} if not modifiers and (len(key) == 1 or key == "Enter") else {}
        code = {"Enter": 13, "Escape": 27, "Tab": 9}.get(key, ord(key.upper()) if len(key) == 1 else 0)
        for kind in ("keyDown", "keyUp"):
            more = text if kind == "keyDown" else {}
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, modifiers=modifiers, **more
            )

    async def write(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def click(self, element: str) -> None:
        """A press of the mouse in the middle of what a selector names."""
        await self.until(f"document.querySelector({element!r}) !== null")
        box = await self.run(  # two frames later, when what the last action changed has its place
            f"(async () => {{ const e = document.querySelector({element!r}); e.scrollIntoView({{block: 'center'}}); "
            "for (let n = 0; n < 2; n++) await new Promise((done) => requestAnimationFrame(done)); "
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)


def browse(page: Path, scratch: Path, act: Callable[[Tab], Awaitable[Any]]) -> Any:
    """Open a local file, do something with it, and return what came of it. Saved files land in `scratch`/saved."""
    assert CHROMIUM is not None
    return asyncio.run(_browse(page, scratch, act))


async def _browse(page: Path, scratch: Path, act: Callable[[Tab], Awaitable[Any]]) -> Any:
    import aiohttp

    profile = scratch / "profile"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "DevToolsActivePort").unlink(missing_ok=True)
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    try:
        port = await asyncio.to_thread(_port, profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                address = next(one["webSocketDebuggerUrl"] for one in await answer.json() if one["type"] == "page")
            async with session.ws_connect(address, max_msg_size=1 << 26) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Network", "Log"):
                    await tab.call(f"{domain}.enable")
                await tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(scratch / "saved"))
                await tab.call("Page.navigate", url=page.as_uri())
                await tab.until("document.readyState === 'complete' && location.href !== 'about:blank'")
                return await act(tab)
    finally:
        process.terminate()
        process.wait(WAIT)


def _port(file: Path) -> int:
    for _ in range(int(WAIT / 0.05)):
        if file.exists() and (text := file.read_text()).count("\n"):
            return int(text.splitlines()[0])
        time.sleep(0.05)
    raise TimeoutError("the browser did not start")
