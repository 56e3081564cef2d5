"""Object stores: what they fail with, in a line; parts put in place without a rename; models brought to this machine."""

from __future__ import annotations

import atexit
import errno
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from arcmill.errors import ArcmillError, EngineError, InputError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from arcmill.dataset import Dataset

_CLIENTS = frozenset("botocore aiobotocore aiohttp s3fs gcsfs google adlfs azure".split())
_NO_FOLDERS = frozenset("s3 s3a gs gcs abfs abfss az adl oss memory".split())
_AT_ONCE = 16  # copies under way; a store answers each in tens of milliseconds, whatever the size of a part


def has_folders(filesystem: AbstractFileSystem) -> bool:
    """Whether a folder must be made before a file is put there. On a store, making one might make a bucket of a typo."""
    protocol = filesystem.protocol
    return not _NO_FOLDERS & set((protocol,) if isinstance(protocol, str) else protocol)


def out_of_reach(error: BaseException) -> ArcmillError | None:
    """A clear error where a store could not be reached or asked for credentials, and nothing is known of the data."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, (FileNotFoundError, FileExistsError, PermissionError)):
        name, said = type(seen).__name__, _without_secrets(" ".join(str(seen).split()))[:300]
        if "Credentials" in name or name == "TokenRetrievalError":
            return InputError(
                f"the object store wants credentials and there are none ({said}): set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or what your store reads"
            )
        busy = isinstance(seen, (TimeoutError, ConnectionError)) or getattr(seen, "errno", None) == errno.EBUSY
        if busy or type(seen).__module__.partition(".")[0] in _CLIENTS:
            return EngineError(
                f"the storage could not be reached ({name}: {said}); finished parts are kept, run it again"
            )
        seen = seen.__cause__ or seen.__context__
    return None


def _without_secrets(said: str) -> str:
    """Clients show the address they asked: without its user and password, and without the signature of its query."""
    said = re.sub(r"//[^/@\s]+@", "//***@", said)
    return re.sub(r"(?i)((?:x-amz-\w+|signature|sig|token|awsaccesskeyid|credential)=)[^&\s\"']+", r"\1***", said)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """What the clients of stores raise inside becomes a clear error that names the place."""
    try:
        yield
    except ArcmillError:
        raise
    except Exception as error:
        told = out_of_reach(error)
        if told is None:
            raise
        raise type(told)(f"{url}: {told}") from None


def copy_all(filesystem: AbstractFileSystem, copies: Sequence[tuple[str, str]]) -> None:
    """Put staged parts in their places by copies that the store makes itself. They stay in staging: repeatable after a kill."""

    def copy(staged: str, final: str) -> None:
        try:
            filesystem.cp_file(staged, final)
        except FileNotFoundError:
            raise EngineError(f"{staged}: a finished part is gone; run again with --force") from None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(copy, *each) for each in copies]:
            done.result()


@cache
def _copies() -> str:
    folder = tempfile.mkdtemp(prefix="arcmill-copy-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def local_folder(dataset: Dataset) -> str:
    """A local folder with the files of a dataset, checked: its own, or a copy that lasts as long as this process.

    For what is read by libraries that know files alone: models, tokenizers, indexes.
    """
    from arcmill.dataset import MANIFEST
    from arcmill.storage import file_sha256, is_local, locate, write_json

    if is_local(dataset.filesystem):
        return dataset.path
    folder = Path(_copies()) / dataset.fingerprint[:32]
    here = locate(str(folder))[0]
    if (folder / ".whole").exists():
        return str(folder)
    with reaching(dataset.url):
        for file in dataset.manifest["files"]:
            target = folder / file["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                dataset.filesystem.get_file(dataset.file(file["path"]), str(target))
            except FileNotFoundError:
                raise InputError(f"{dataset.url}/{file['path']}: listed in the manifest, but missing") from None
            if file_sha256(here, str(target)) != file["sha256"]:
                raise InputError(f"{dataset.url}/{file['path']}: its checksum differs from the manifest")
    if dataset.manifest["stage"]:
        write_json(here, str(folder / MANIFEST), dataset.manifest)
    (folder / ".whole").touch()
    return str(folder)
