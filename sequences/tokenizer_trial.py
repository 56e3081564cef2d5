"""A tokenizer loaded and tried in a process of its own, with bounds on the processor's time and on memory.

The tokenizers library is compiled: what a hostile file makes it do for hours no signal handler stops, and its panics are no
Exceptions. Here the kernel ends the process, and the parent says so.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from arcmill.errors import InputError
from sequences import tokenizer_checks as checks
from sequences.tokenizer_spec import Spec, without_control_tokens

SECONDS = 600  # of the processor; a vocabulary of 256,000 tokens takes some
MEMORY = 8 << 30  # bytes of address space, beyond what the imported libraries map
_STAGE = "import-tokenizer"


class Proven(NamedTuple):
    """A tokenizer.json as the library writes it, its size, and what is lost of text: kind -> example, and characters."""

    text: str
    vocab_size: int
    losses: dict[str, str]
    characters: int


def proven(spec: Spec, form: str, asked: Collection[str], accepted: Collection[str]) -> Proven:
    """Load it, look at its control tokens, encode and decode every character. Raises InputError."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    request = {"spec": spec, "form": form, "asked": list(asked), "accepted": list(accepted), "seconds": SECONDS}
    done = subprocess.run(
        [sys.executable, "-m", "sequences.tokenizer_trial"], input=json.dumps(request).encode(), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise InputError(
            f"{_STAGE}: {form}: the process that tried it was ended (status {done.returncode}): it took more than {SECONDS} s of the "
            f"processor or {MEMORY >> 30} GiB of memory, or the tokenizers library failed"
        )
    reply = json.loads(done.stdout)
    if "refused" in reply:
        raise InputError(f"{_STAGE}: {reply['refused']}")
    return Proven(**reply)


def load(spec: Spec, form: str) -> Tokenizer:
    """Raises InputError where the library cannot."""
    try:
        return Tokenizer.from_str(json.dumps(spec))
    except Exception as error:  # the library raises bare Exception for what it cannot read
        raise InputError(f"{form}: the tokenizers library cannot load it ({error})") from None


def _tried(spec: Spec, form: str, asked: Collection[str], accepted: Collection[str]) -> Proven:
    tokenizer = load(spec, form)
    if problems := [*checks.control(spec, tokenizer, asked)]:
        raise InputError(f"{form} cannot be used: " + "; ".join(problems[:5]))
    losses, characters = _losses(spec, asked, accepted)
    written = Tokenizer.from_str(tokenizer.to_str())
    return Proven(written.to_str(pretty=True), written.get_vocab_size(), losses, characters)


def _losses(spec: Spec, asked: Collection[str], accepted: Collection[str]) -> tuple[dict[str, str], int]:
    """What is lost of ordinary text, and of how many characters. Raises InputError where that was not accepted."""
    plain = Tokenizer.from_str(json.dumps(without_control_tokens(spec, asked)))

    def back(text: str) -> str:
        return plain.decode(plain.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)

    missing = checks.missing_bytes(spec)
    found, count = checks.every_character(back, missing)
    found = {**found, **checks.lost(back, missing)}
    if refused := [f"{kind} ({example})" for kind, example in found.items() if kind not in accepted]:
        raise InputError(
            f"text does not come back from its tokens: {'; '.join(refused)}; where that is wanted, name it in accept_losses"
        )
    return found, count


def _mapped() -> int:
    """Bytes of address space that this process has: libraries map some for each core. 0 where nothing tells."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def main() -> None:
    """A request of `proven` as JSON in, the answer as JSON out."""
    request = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the library prints must not mix with the answer
    seconds = request.pop("seconds")
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    most = _mapped() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        reply: dict[str, Any] = _tried(**request)._asdict()
    except InputError as error:
        reply = {"refused": str(error)}
    except BaseException as error:  # a panic of the library is no Exception
        reply = {"refused": f"{request['form']}: a text cannot be encoded ({str(error)[:300]})"}
    json.dump(reply, out)
    out.flush()


if __name__ == "__main__":
    main()
