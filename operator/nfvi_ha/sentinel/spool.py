"""Records that are not in the API yet, as files: they outlive this process (DESIGN section 3).

Written in a thread: an fsync may take a second, and beats do not wait. Each file is written beside its place and moved
there, so a crash leaves the old or the new one.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final

import orjson

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
BAD_SUFFIX: Final = ".bad"
JsonObject = dict[str, Any]


class Spool:
    """One directory of records, one file each.

    Args:
        directory: made if it is not there.
        executor: of one thread, so that what is saved and then removed is done in that order.
        on_saved: told of a record that is safe on disk, with the version that was given.
        on_error: told of each failure to write; it is tried again.
    """

    def __init__(
        self,
        directory: Path,
        executor: Executor,
        *,
        on_saved: Callable[[str, int], None],
        on_error: Callable[[OSError], None],
    ) -> None:
        self._directory = directory
        self._executor = executor
        self._on_saved = on_saved
        self._on_error = on_error
        self._wanted: dict[str, tuple[int, JsonObject] | None] = {}
        self._changed = asyncio.Event()

    def load(self) -> Iterator[JsonObject]:
        """What an earlier process left. A file that cannot be read is set aside and said.

        Raises:
            OSError: the directory cannot be used.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._directory.glob("*.json")):
            try:
                record = orjson.loads(path.read_bytes())
            except orjson.JSONDecodeError:
                record = None
            if isinstance(record, dict):
                yield record
            else:
                log.error("record in the spool is broken; set aside", extra={"file": path.name})
                path.rename(path.with_suffix(BAD_SUFFIX))

    def save(self, incident: str, version: int, record: JsonObject) -> None:
        """Write a record, or write it anew."""
        self._wanted[incident] = (version, record)
        self._changed.set()

    def remove(self, incident: str) -> None:
        """It is in the API: let its file go."""
        self._wanted[incident] = None
        self._changed.set()

    @property
    def waiting(self) -> int:
        """Changes that are not on disk yet."""
        return len(self._wanted)

    async def run(self) -> None:
        """Write what is wanted, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._changed.wait()
            self._changed.clear()
            work, self._wanted = self._wanted, {}
            try:
                written = await loop.run_in_executor(self._executor, _write, self._directory, work)
            except OSError as error:
                self._on_error(error)
                log.warning("spool not written", extra={"directory": str(self._directory), "error": str(error)})
                self._wanted = {**work, **self._wanted}
                await asyncio.sleep(RETRY_SECONDS)
                self._changed.set()
                continue
            for incident in written:
                saved = work[incident]
                if saved is not None:
                    self._on_saved(incident, saved[0])

    def flush(self) -> None:
        """Write what is wanted, now and here: the process ends.

        Raises:
            OSError: it cannot be written.
        """
        work, self._wanted = self._wanted, {}
        _write(self._directory, work)


def _write(directory: Path, work: Mapping[str, tuple[int, JsonObject] | None]) -> list[str]:
    """Do what is wanted; which of it is done. What is no JSON is left out, and said."""
    done = []
    for incident, saved in work.items():
        path = directory / f"{incident}.json"
        if saved is None:
            path.unlink(missing_ok=True)
            done.append(incident)
            continue
        try:
            data = orjson.dumps(saved[1])
        except TypeError:
            # Ours is the defect; the others' records must not wait for it.
            log.exception("record is no JSON", extra={"incident": incident})
            continue
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        done.append(incident)
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return done
