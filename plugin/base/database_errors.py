"""What goes wrong with FiftyOne's database, told to the user: lost, read-only, full, or refusing something else."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from .errors import LabelQualityError

_AGAIN = "start the same again: what a run had computed is kept in its files, and it continues from there."
#: MongoDB's codes of errors: Unauthorized, AuthenticationFailed; OutOfDiskSpace
_FORBIDDEN, _FULL = (13, 18), (14031,)
_NO_SPACE = re.compile(r"no space left|out of disk|disk full|available disk space", re.IGNORECASE)
_LONGEST = 160


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Turns an error of MongoDB into a `LabelQualityError` that says what to do; also a decorator of functions.

    Raises:
        LabelQualityError: MongoDB could not be reached inside the block, or refused something
    """
    try:
        yield
    except LabelQualityError:
        raise
    except Exception as error:
        explained = explain(error)
        if explained is None:
            raise
        raise explained from error


def explain(error: BaseException) -> LabelQualityError | None:
    """What a user is told of an error that MongoDB is behind; None for any other."""
    from pymongo.errors import ConnectionFailure, CursorNotFound, OperationFailure, PyMongoError

    cause = next((one for one in _chain(error) if isinstance(one, PyMongoError)), None)
    if cause is None:
        return None
    if isinstance(cause, ConnectionFailure | CursorNotFound):
        return LabelQualityError(
            f"The connection to FiftyOne's database (MongoDB) was lost: {_first_line(cause)}. Once the database is "
            f"back, {_AGAIN}"
        )
    codes, texts = _details(cause) if isinstance(cause, OperationFailure) else ((), ())
    text = _first_line(next(iter(texts), cause))
    if set(codes) & set(_FORBIDDEN):
        return LabelQualityError(
            f"FiftyOne's database (MongoDB) may not be written to or read with the user that FiftyOne logs in as: "
            f"{text}. Give that user the role readWrite on FiftyOne's database, and {_AGAIN}"
        )
    if set(codes) & set(_FULL) or any(_NO_SPACE.search(one) for one in texts):
        return LabelQualityError(
            f"The disk of FiftyOne's database (MongoDB) is full: {text}. Free some space there, and {_AGAIN}"
        )
    return LabelQualityError(
        f"FiftyOne's database (MongoDB) refused what it was asked for: {text} ({type(cause).__name__}). Its log says "
        f"more; once the reason is gone, {_AGAIN}"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came of, as a traceback shows them: mongoengine and FiftyOne raise their own."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        yield current
        seen.add(id(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _details(error: object) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The codes and texts of a refusal; one of a bulk write has them a write, or a write concern, apart."""
    details = getattr(error, "details", None) or {}
    parts = [details, *details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    codes = [getattr(error, "code", None), *(one.get("code") for one in parts)]
    texts = [str(one["errmsg"]) for one in parts if one.get("errmsg")] or [str(error)]
    return tuple(code for code in codes if code is not None), tuple(texts)


def _first_line(error: object) -> str:
    """The first line of a text, without what MongoDB adds of its own state."""
    text = str(error).strip() or type(error).__name__
    line = re.split(r", Timeout: |, full error: | \(configured timeouts: ", text.splitlines()[0])[0].rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST].rstrip()} …"
