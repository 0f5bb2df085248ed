"""The server of a review: that of `serve`, with another page and other calls.

Photos are named in calls, and only the names of the batch are known: no name is ever a path.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from data.errors import InputError
from pipeline.dice_interval import DiceInterval
from pipeline.reviewing.desk import OpenPhoto, ReviewDesk
from pipeline.reviewing.review_answers import change_reply, list_reply, photo_reply
from pipeline.reviewing.review_description import document
from pipeline.reviewing.review_fields import GROUP, NAME, OFFSET, STATUS, STROKE
from pipeline.reviewing.review_files import Status
from pipeline.reviewing.strokes import LABELS, Stroke
from pipeline.serving.api_error import ApiError, bad
from pipeline.serving.form_fields import Form, FormField, FormValues
from pipeline.serving.photo_engine import PhotoEngine
from pipeline.serving.reply import Reply
from pipeline.serving.service_metrics import ServiceMetrics
from pipeline.serving.tile_layers import jpeg_of
from pipeline.serving.web_app import PAGE, application, asset, described_by, state_routes
from pipeline.serving.web_calls import Work, answering

OWN_PAGE = Path(__file__).parent / "page"

SHARED = ("page.css", "viewer.js", "layers.js", "docs.js")
"""What the page takes from that of `serve`."""

Call = Callable[[Form], Reply]


@dataclass(frozen=True)
class ReviewCalls:
    """What can be asked and said in a review."""

    desk: ReviewDesk
    interval: DiceInterval | None
    """Limits around the Dice that the model expects of its own masks, if known."""
    below: float
    """Dice below which masks are to be looked at."""

    def asked(self) -> dict[str, Call]:
        """Return what is asked, by path."""
        return {
            "/v1/review": lambda _: self._listed(),
            "/v1/review/photo": self._photo,
            "/v1/review/picture": self._picture,
        }

    def said(self) -> dict[str, Call]:
        """Return what is said, by path."""
        return {
            "/v1/review/stroke": self._stroke,
            "/v1/review/undo": lambda form: self._changed(self.desk.undo(self._name(form))),
            "/v1/review/contour": self._contour,
            "/v1/review/accept": self._accept,
            "/v1/review/reopen": self._reopen,
            "/v1/review/status": self._status,
            "/v1/review/offer": self._offer,
        }

    def _listed(self) -> Reply:
        return list_reply(self.desk, self.interval, self.below)

    def _accept(self, form: Form) -> Reply:
        self.desk.accept(self._name(form))
        return self._listed()

    def _reopen(self, form: Form) -> Reply:
        self.desk.reopen(self._name(form))
        return self._listed()

    def _changed(self, both: tuple[OpenPhoto, OpenPhoto]) -> Reply:
        return change_reply(self.desk, *both)

    def _photo(self, form: Form) -> Reply:
        return photo_reply(self.desk, self.desk.opened(self._name(form)))

    def _picture(self, form: Form) -> Reply:
        first = self.desk.opened(self._name(form)).correction.first
        return Reply(jpeg_of(first.photo, first.proposal.working), "photo.jpg")

    def _stroke(self, form: Form) -> Reply:
        values = _values(STROKE, form)
        return self._changed(self.desk.draw(self._known(values), stroke_of(values)))

    def _contour(self, form: Form) -> Reply:
        values = _values(OFFSET, form)
        offset = values.number("offset") or 0.0
        return self._changed(self.desk.move_contour(self._known(values), offset))

    def _status(self, form: Form) -> Reply:
        values = _values(STATUS, form)
        self.desk.set_aside(self._known(values), cast("Status", values.text("status")))
        return self._listed()

    def _offer(self, form: Form) -> Reply:
        self.desk.take_offer(_values((GROUP,), form).text("group"))
        return self._listed()

    def _name(self, form: Form) -> str:
        return self._known(_values((NAME,), form))

    def _known(self, values: FormValues) -> str:
        """Return the name of a photo of the batch.

        Raises:
            ApiError: there is none of that name; the status is 404.
        """
        name = values.text("name")
        if name not in self.desk.photos:
            raise ApiError(404, "unknown_photo", f"No photo {name[:60]!r} in this review")
        return name


def review_app(engine: PhotoEngine, model_name: str, calls: ReviewCalls) -> Starlette:
    """Return the application.

    Args:
        engine: started by the caller, who also stops it.
        model_name: what the model is called.
        calls: what can be asked and said.
    """
    metrics = ServiceMetrics()
    routes = [
        Route(path, answering(engine, metrics, _work(call)), methods=[method])
        for method, table in (("GET", calls.asked()), ("POST", calls.said()))
        for path, call in table.items()
    ]
    about = [*state_routes(engine, model_name, metrics), described_by(document())]
    return application([*page_routes(), *about, *routes], ())


def page_routes() -> list[Route]:
    """Return the routes of the page; no other file is ever served."""
    own = sorted(path for path in OWN_PAGE.iterdir() if path.suffix in (".css", ".js"))
    files = {f"/{path.name}": path for path in (*own, *(PAGE / name for name in SHARED))}
    files |= {"/": OWN_PAGE / "review.html", "/docs": PAGE / "docs.html"}
    return [Route(path, asset(file)) for path, file in files.items()]


def stroke_of(values: FormValues) -> Stroke:
    """Return the stroke of a form.

    Raises:
        ApiError: it has none.
    """
    if not values.text("label"):
        raise bad("invalid_parameter", f"label is one of {', '.join(LABELS)}")
    try:
        points = tuple(
            (float(x), float(y))
            for x, y in (pair.split(",") for pair in values.text("points").split())
        )
        radius = values.number("radius")
        return Stroke(values.text("label") == "object", points, 3.0 if radius is None else radius)
    except ValueError as error:
        raise bad("invalid_parameter", f"points: {error}") from error


def _values(fields: Iterable[FormField], form: Form) -> FormValues:
    return FormValues(tuple(fields), form, ignore_others=False)


def _work(call: Call) -> Work:
    """Return `call` with its errors of input as errors of the request."""

    def work(form: Form, _: PhotoEngine, __: Request) -> Reply:
        try:
            return call(form)
        except ApiError:
            raise
        except InputError as error:
            raise bad("refused", str(error)) from error
        except OSError as error:
            raise ApiError(507, "not_written", f"Nothing can be written: {error}") from error

    return work
