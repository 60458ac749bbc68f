"""The models: each champion with its evidence, and the history of promotions and refusals with their reasons."""

import asyncio
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from markdown_it import MarkdownIt

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http.wire import Wire, answer
from bento.gateway.pages.site import page
from bento.http.problems import Problem
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.records import reports
from cs2_pipeline.records.reports import Report
from cs2_pipeline.registry import overview
from cs2_pipeline.registry.errors import RegistryUnavailableError
from cs2_pipeline.settings import Settings

router: Final = APIRouter(include_in_schema=False)

SHOWN: Final = {
    "test_log_loss": "Log loss",
    "test_brier": "Brier score",
    "test_auc": "AUC",
    "test_accuracy": "Accuracy",
    "test_ece": "Calibration error",
}
MOST_EVENTS: Final = 50
MOST_SLICES: Final = 60
MOST_VERSIONS: Final = 20
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


@router.get("/models")
async def models(request: Request, _: Annotated[Caller, Depends(allow(Scope.PREDICT))]) -> Response:
    """All models, a card each."""
    settings: Settings = request.app.state.settings
    try:
        found = await asyncio.to_thread(overview.overviews, settings.resolved_tracking_uri(), settings.champion_cache)
    except RegistryUnavailableError as error:
        raise unreachable(error) from error
    cards = [
        {
            "spec": catalog.spec_of(one.name),
            "champion": one.champion,
            "figures": _figures(one.champion),
            "history": one.history,
        }
        for one in found
    ]
    return page(request, "models.html", cards=cards)


class Listed(Wire):
    """A registered version of a model."""

    version: str
    champion: bool
    trained_at: str
    promoted_at: str


@router.get("/api/v1/models/{name}/versions", response_model=list[Listed])
async def versions(request: Request, name: str, _: Annotated[Caller, Depends(allow(Scope.PREDICT))]) -> Response:
    """The newest registered versions of a model, promoted or not."""
    _known(name)
    settings: Settings = request.app.state.settings
    try:
        found = await asyncio.to_thread(overview.versions, settings.resolved_tracking_uri(), name, MOST_VERSIONS)
    except RegistryUnavailableError as error:
        raise unreachable(error) from error
    shown = [
        Listed(version=one.version, champion=champion, trained_at=one.trained_at, promoted_at=one.promoted_at)
        for one, champion in found
    ]
    return await answer(request, shown)


@router.get("/models/{name}")
async def model(request: Request, name: str, _: Annotated[Caller, Depends(allow(Scope.PREDICT))]) -> Response:
    """One model: its champion's evidence and its history."""
    _known(name)
    settings: Settings = request.app.state.settings
    uri = settings.resolved_tracking_uri()
    try:
        found = await asyncio.to_thread(overview.overview, uri, settings.champion_cache, name)
        texts = await asyncio.to_thread(overview.evidence, uri, found.champion.run_id) if found.champion else {}
    except RegistryUnavailableError as error:
        raise unreachable(error) from error
    looked = await asyncio.to_thread(reports.newest, request.app.state.records, reports.monitoring(name))
    return page(
        request,
        "model.html",
        looked=looked,
        figures_now=_figures_now(looked),
        alarms=_alarms(looked),
        spec=catalog.spec_of(name),
        champion=found.champion,
        figures=_figures(found.champion),
        history=found.history[:MOST_EVENTS],
        card=_MARKDOWN.render(texts.get("model_card.md", "")),
        reliability=_reliability(texts),
        slices=overview.rows(texts.get("slices.csv", ""))[:MOST_SLICES],
        links=_links(settings, found.champion),
    )


def _figures_now(looked: Report | None) -> list[tuple[str, float]]:
    """Figures of the latest look, calibration's first, without the ends of intervals that stand beside them."""
    if looked is None:
        return []
    found: dict[str, float] = {}
    for kind in ("calibration", "drift"):
        found |= (looked.body.get(kind) or {}).get("figures", {})
    return [(name.replace("_", " "), value) for name, value in found.items()]


def _alarms(looked: Report | None) -> list[tuple[str, Mapping[str, str]]]:
    """Alarms that have rung for the version that was looked at, by kind."""
    if looked is None:
        return []
    rang: Mapping[str, Mapping[str, str]] = looked.body.get("alarms", {}).get(looked.body["version"], {})
    return list(rang.items())


def _known(name: str) -> None:
    if name not in catalog.names():
        raise Problem(
            404, "not-found", "Not found", f"there is no model {name}; there are {', '.join(catalog.names())}"
        )


def unreachable(error: Exception) -> Problem:
    """503: what the page shows is kept where nobody answers."""
    return Problem(503, "registry-unreachable", "MLflow does not answer", str(error))


def _figures(version: ModelVersion | None) -> list[tuple[str, float, tuple[float, float] | None]]:
    """Held-out figures with their intervals, those of `SHOWN` that the version has."""
    if version is None:
        return []
    found = []
    for key, title in SHOWN.items():
        if key in version.metrics:
            ends = version.metrics.get(f"{key}_low"), version.metrics.get(f"{key}_high")
            whole = None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
            found.append((title, version.metrics[key], whole))
    return found


def _reliability(texts: Mapping[str, str]) -> list[dict[str, float]]:
    """The points of the reliability curve: what was predicted, what came, the ends of its interval, how many rows."""
    columns = ("mean_prediction", "mean_outcome", "outcome_low", "outcome_high", "rows")
    points = []
    for row in overview.rows(texts.get("reliability.csv", "")):
        values = {name: float(row[name]) for name in columns}
        if all(map(math.isfinite, values.values())):
            points.append(values)
    return points


def _links(settings: Settings, version: ModelVersion | None) -> dict[str, str]:
    """Where MLflow and Dagster show the same, on the machine of the newcomer."""
    if version is None:
        return {}
    links: dict[str, Any] = {
        "MLflow": f"{settings.address(settings.mlflow_port)}/#/models/{version.name}/versions/{version.version}"
    }
    if run := version.tags.get("dagster_run_id"):
        links["Dagster run"] = f"{settings.address(settings.dagster_port)}/runs/{run}"
    return links
