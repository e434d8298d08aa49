"""Files: where those are that ship with the package or are kept for the user; reading and replacing named ones."""

import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moss_agent.errors import UsageError, cut

_PACKAGE = Path(__file__).parent
_writing = threading.Lock()  # threads would write into the same file
_NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)  # opening a pipe would wait for its writer


def bundled(name: str) -> Path:
    """Return the folder `plugins` or `prompts`: inside an installed package, beside it in a checkout."""
    installed = _PACKAGE / "_bundled" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def cache_dir() -> Path:
    """Return the folder of what is fetched and prepared: `MOSS_AGENT_CACHE` or the user's cache. It may not exist."""
    from platformdirs import user_cache_dir

    return user_path(os.environ.get("MOSS_AGENT_CACHE") or user_cache_dir("moss_agent")).absolute()


def user_path(name: str | Path) -> Path:
    """Return the path that a person names, with `~` expanded. Raises UsageError for a name that no file can have."""
    if not str(name):
        raise UsageError("the name of a file or folder is empty: name one")
    try:
        path = Path(name).expanduser()
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # for whoever opens it
        pass
    except RuntimeError:
        raise UsageError(f"{_short(name)}: there is no such home folder: write out the path") from None
    except OSError as error:
        raise UsageError(f"{_short(name)}: {error.strerror}: name another file or folder") from None
    except ValueError:  # NUL, or half a character
        raise UsageError(f"{_short(name)}: no file can have that name: name another one") from None
    return path


def read_text(path: Path, limit: int) -> str:
    """Return the text of `read_bytes`, which has to be UTF-8, without a byte order mark. Raises UsageError."""
    try:
        return read_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: no UTF-8 at byte {error.start}: save it as UTF-8") from None


def read_bytes(path: Path, limit: int) -> bytes:
    """Return all of a regular file of at most `limit` bytes. Raises UsageError for anything else, without waiting."""
    content = read_beginning(path, limit + 1)
    if len(content) > limit:
        raise UsageError(f"{path} is larger than {limit / 1e6:g} MB: name a smaller file")
    return content


def read_beginning(path: Path, count: int) -> bytes:
    """Return at most the first `count` bytes of a regular file. Raises UsageError for anything else."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAITING)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{path} is a device or pipe: name a regular file")
            content = file.read(count)
            if content is None:  # such as /proc/kmsg, which has nothing now
                raise UsageError(f"{path} has no end: name a regular file")
    except OSError as error:
        raise UsageError(f"{_short(path)}: {error.strerror}: name a file that can be read") from None
    return content


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically, readable by its owner only.

    A crash leaves the old file or the new one, whole; parts that killed processes have left are removed.
    Raises OSError, ValueError.
    """
    beginning = f".{path.name[:60]}."  # of a name that may have 255 bytes
    part = path.with_name(f"{beginning}{os.getpid()}.part")
    with _writing:
        _remove_left_over(path.parent, beginning)
        try:
            with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def set_default_mode(folder: Path) -> None:
    """Give the files of a folder the mode that new files get there: some libraries write for the owner alone."""
    sample = folder / f".{os.getpid()}.mode"
    sample.touch()
    mode = stat.S_IMODE(sample.stat().st_mode)
    sample.unlink()
    for file in folder.iterdir():
        if file.is_file() and not file.is_symlink():
            file.chmod(mode)


def _remove_left_over(folder: Path, beginning: str) -> None:
    from psutil import pid_exists

    for name in os.listdir(folder):
        found = re.fullmatch(re.escape(beginning) + r"(\d{1,9})\.part", name)
        if found and (int(found[1]) == os.getpid() or not pid_exists(int(found[1]))):
            with suppress(OSError):
                (folder / name).unlink()


def beside(path: Path, suffix: str) -> Path:
    """Return the path of the helper file `<name><suffix>` next to `path`."""
    return path.with_name(path.name + suffix)


@contextmanager
def locked(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path`; call `waits` first if another process does. It is free when that process has died."""
    from filelock import FileLock, Timeout

    lock = FileLock(str(path))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waits()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _short(name: str | Path) -> str:
    """Return the beginning of a name, in characters that can be printed."""
    text = ascii(str(name))[1:-1] if not str(name).isprintable() else str(name)
    return cut(text, 100)
