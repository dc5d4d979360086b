"""The files of a package with one part, of any kind."""

from pathlib import Path
from string import Template

from segkit.registries import BY_KIND
from segkit.runtime.reading import read_utf8

TEMPLATE = Path(__file__).parent / "_template_kinds"

PARTS = {
    "backbone": "Pyramid",
    "pixel_decoder": "SumDecoder",
    "transformer_decoder": "CrossAttentionDecoder",
    "matcher": "GreedyMatcher",
    "loss": "Tversky",
    "postprocessor": "BestQuery",
    "model": "TinyModel",
    "dataset": "Squares",
    "transform": "Brightness",
    "evaluator": "PixelAccuracy",
    "optimizer": "nesterov",
    "schedule": "InverseRoot",
    "hook": "Goal",
    "checkpoint_format": "FolderFormat",
}
"""Kind -> the class or function that is written for it."""

BUILT = ("backbone", "matcher", "loss", "dataset", "transform", "schedule")
"""The kinds whose checks take a built part; the others take what builds it."""


def part_files(words: dict[str, str], kind: str) -> dict[str, str]:
    """Returns the files of a package with one part: path in its folder -> text.

    Args:
        words: `name`, `package` and `prefix` of the package.
        kind: Of the part, one of PARTS.
    """
    part, registry = PARTS[kind], BY_KIND[kind]
    tried = f"{part}()" if kind in BUILT else part
    words = {**words, "kind": kind, "title": registry.title, "plural": registry.plural, "part": part, "tried": tried}
    files = {f"{words['package']}/{kind}.py": TEMPLATE / "kinds" / f"{kind}.py.template"}
    for source in sorted((TEMPLATE / "package").rglob("*.template")):
        places = source.relative_to(TEMPLATE / "package").with_suffix("").parts
        files["/".join(words["package"] if place == "package" else place for place in places)] = source
    own_test = TEMPLATE / "tests" / f"{kind}.py.template"  # of a kind whose check needs more than the part
    if own_test.is_file():
        files["tests/test_part.py"] = own_test
    return {path: Template(read_utf8(source)).substitute(words) for path, source in sorted(files.items())}
