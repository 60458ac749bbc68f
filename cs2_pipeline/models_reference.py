"""``docs/models.md``, written from the table of models: ``python -m cs2_pipeline.models_reference``.

It prints the page; ``> docs/models.md`` keeps it. A test says when the two differ.
"""

from collections.abc import Iterator

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec

_HEADER = """# Models

One entry in the table of models each; [adding-a-model.md](adding-a-model.md) tells how another one is added.
This page is written by `python -m cs2_pipeline.models_reference > docs/models.md`.
"""


def page() -> str:
    """The page, as Markdown."""
    return "\n".join([_HEADER, *(line for spec in catalog.MODELS for line in _section(spec))])


def _section(spec: ModelSpec) -> Iterator[str]:
    yield f"## {spec.name}\n"
    yield f"{spec.description}\n"
    yield f"- Trained by `cs2 train {spec.command}` (the job `{spec.job}`) on `{spec.dataset}`, which is made from"
    yield f"  `{spec.extracted}`. Whole {spec.groups} are in one part."
    yield f"- Promotion: {_requirements(spec)}"
    if spec.serving is not None:
        yield f"- Asked at `POST {spec.serving.one}`, many at a time at `POST {spec.serving.many}`, or with"
        yield f"  `cs2 predict {spec.command}`."
    else:
        yield "- The prediction service has no endpoint for it."
    if spec.monitored is not None:
        yield f"- Monitored by `{spec.monitoring}`."
    yield from (f"- {sentence}" for sentence in (*spec.intended_use, *spec.limits))
    yield ""


def _requirements(spec: ModelSpec) -> str:
    needed = spec.requirements
    floor = ", or as much as chance alone would show on so few rows" if needed.allow_ece_floor else ""
    return (
        f"better than its baseline and than the champion; a calibration error of at most {needed.max_ece:g}{floor};\n"
        f"  in no slice of {needed.min_slice_size:,} {needed.unit} or more surely off by more than {needed.max_gap:g}; "
        "all its laws kept."
    )


if __name__ == "__main__":
    print(page(), end="")
