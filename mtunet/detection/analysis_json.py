"""An analysis as JSON and back. The models are the published schema `mtunet/analysis.schema.json`, too."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from mtunet.case import (
    NOT_FOR_CLINICAL_USE,
    Analysis,
    Box,
    Calcification,
    Finding,
    Flag,
    Laterality,
    Networks,
    Priority,
    Provenance,
    Reason,
    ScaleSource,
    Triage,
    View,
    frozen,
)
from mtunet.detection.mc_score import scores
from mtunet.detection.triage import scope_of

SCHEMA: Final = "mtunet-analysis-1"
"""Changes when a reader of the old form would misread the new one."""
SCHEMA_FILE = Path(__file__).parents[1] / "analysis.schema.json"

# The schema promises ranges of what is written; what was kept before is read as it is.
Count = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
Positive = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 1})]
Size = Annotated[float, WithJsonSchema({"type": "number", "minimum": 0})]
Share = Annotated[float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
Cut = Annotated[float, WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1})]
Millimetres = Annotated[float, WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
Score = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 100})]
Sha256 = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$"})]
Words = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1})]
SCOPE = "What puts a badge on the result: names of rules on header or picture, such as magnification, raw, turned."


class Written(BaseModel):
    """A document, or a part of one, whose JSON says these keys and no other; those with a default may be absent."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def taken_from(cls, noun: object, **more: object) -> Self:
        """The keys are attributes of `noun`; more: those that are not."""
        return cls.model_validate(noun).model_copy(update=more)

    def values(self) -> dict[str, Any]:
        """As JSON values, without what was not said."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def document(self) -> bytes:
        """UTF-8 JSON, to be read by people as well."""
        return (json.dumps(self.values(), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


class WrittenBox(Written):
    """Half-open: bottom and right are one past the last pixel."""

    top: Count
    left: Count
    bottom: Count
    right: Count


class WrittenNetworks(Written):
    """How many of the model's networks see a finding by themselves: reach the threshold on half of it or more."""

    agree: Count
    of: Annotated[int, WithJsonSchema({"type": "integer", "minimum": 2})]


class WrittenFinding(Written):
    """A region above the thresholds."""

    number: Positive = Field(description="From 1: MC first, then by probability × area.")
    type: Calcification = Field(description="mc: microcalcification; bac: breast arterial calcification.")
    contour: tuple[tuple[float, float], ...] = Field(
        json_schema_extra={"minItems": 3},
        description="Outer outline along pixel edges, closed implicitly: (x, y) per point.",
    )
    box: WrittenBox
    area_px: Positive
    area_mm2: Size | None
    length_px: Size = Field(description="Of the centre line for BAC, of the longest extent for MC.")
    length_mm: Size | None
    specks: Count | None = Field(description="Bright specks counted inside an MC region; null for BAC.")
    probability: Share = Field(description="Mean over the finding of its own type's map.")
    probabilities: dict[Calcification, Share] = Field(
        json_schema_extra={"minProperties": 2}, description="Mean over the finding of each type's map."
    )
    why: Words = Field("", description="Of a region below the line: why it does not count.")
    score: Score | None = Field(
        None,
        description="Of an MC region: 0 to 100, how often one like it was true on phantoms; to rank by, no chance of "
        "cancer.",
    )
    networks: WrittenNetworks | None = Field(
        None,
        description="Of a model of several networks; null or absent of one network, at thresholds that were moved and "
        "in results of earlier versions.",
    )


class WrittenTriage(Written):
    flag: Flag = Field(description="mostly_bac_mc_left: mostly arterial, and microcalcifications as well.")
    priority: Priority = Field(description="Any microcalcification makes it high.")
    reasons: tuple[Reason, ...] = Field(json_schema_extra={"minItems": 1})
    bac_share: Share | None = Field(description="BAC area / (BAC + MC area); null when nothing is calcified.")
    scope: tuple[str, ...] = Field((), description=SCOPE)


class WrittenImage(Written):
    rows: Positive
    columns: Positive
    spacing_mm: tuple[Millimetres, Millimetres] | None = Field(
        description="(row, column) distance between pixel centres."
    )
    laterality: Laterality | None = Field(description="Image Laterality (0020,0062).")
    view: View | None = Field(description="View, acronyms of DICOM CID 4014.")
    notes: tuple[str, ...] = Field(description="What the reader had to decide or assume.")
    breast_px: Count = Field(description="Pixels that were looked at.")
    breast_mm2: Size | None = Field(description="Their area.")
    looked_share: Share | None = Field(
        None,
        description="Of what looks like tissue, what was looked at; null or absent in results of earlier versions.",
    )
    looked_mm: tuple[Millimetres, Millimetres] | None = Field(
        None,
        description="(row, column) mm of a pixel as it was taken to be: the file's, or an assumption where it says "
        "none; null or absent in results of earlier versions.",
    )
    scale_source: ScaleSource | None = Field(
        None,
        description="How looked_mm was found, the surest first. stated: by the file, or by a person for it; frame: the "
        "frame has the size of a known detector's; whole_view: assumed, as if a whole view were 232 mm long (frames in "
        "use are 216 to 305 mm long); tried: of a part of a breast, the one of two at which more was found; open: of a "
        "part of a breast, not tried. Null or absent in results of earlier versions.",
    )


class WrittenProvenance(Written):
    model: str
    weights_sha256: str
    version: str = Field(description="Of this program.")
    rules: str = Field(description="Version of the triage rules.")
    device: str
    seconds: Size = Field(description="The network's time.")
    made_at: str = Field(description="UTC, ISO 8601.", json_schema_extra={"format": "date-time"})


class WrittenAnalysis(Written):
    """Pixel coordinates are (x, y) = (column, row); the centre of the top-left pixel is (0, 0). A key in _px is in
    pixels of the image's own grid; in _mm or _mm2 it is in millimetres in the breast, null where the file gives no
    spacing. Research demonstration, not for clinical use."""

    model_config = ConfigDict(title="MTU-Net analysis of one mammogram")

    file: str = Field(description="The image's name as the person knows it.")
    sha256: Sha256 = Field(description="Of the file's bytes.")
    schema_: Literal["mtunet-analysis-1"] = Field(alias="schema", description="The form of this document.")
    disclaimer: Words
    triage: WrittenTriage
    findings: tuple[WrittenFinding, ...]
    below_the_line: tuple[WrittenFinding, ...] = Field(
        description="Regions above the thresholds that do not count, each with the reason."
    )
    image: WrittenImage
    thresholds: dict[Calcification, Cut] = Field(
        json_schema_extra={"minProperties": 2}, description="Probability at and above which a pixel counts."
    )
    provenance: WrittenProvenance


def written_analysis(analysis: Analysis, *, file: str) -> WrittenAnalysis:
    """file: the name to call the image by, as the person knows it."""
    ranked = scores(analysis)
    return WrittenAnalysis(
        file=file,
        sha256=analysis.sha256,
        schema=SCHEMA,
        disclaimer=NOT_FOR_CLINICAL_USE,
        triage=WrittenTriage.taken_from(analysis.triage, scope=scope_of(analysis.triage.reasons)),
        findings=tuple(
            WrittenFinding.taken_from(finding, score=ranked.get(finding.number)) for finding in analysis.findings
        ),
        below_the_line=tuple(WrittenFinding.taken_from(finding, why=finding.below) for finding in analysis.below),
        image=WrittenImage.taken_from(analysis),
        thresholds=dict(analysis.thresholds),
        provenance=WrittenProvenance.taken_from(analysis.provenance),
    )


def to_json(analysis: Analysis, *, file: str) -> dict[str, Any]:
    """The analysis as JSON values. file: as in `written_analysis`."""
    return written_analysis(analysis, file=file).values()


def from_json(value: Mapping[str, Any]) -> Analysis:
    """What `to_json` wrote. Raises ValueError for another schema, and for what does not keep to it."""
    if value.get("schema") != SCHEMA:
        raise ValueError(f"Expected an analysis of schema {SCHEMA}, found {value.get('schema')!r}. Analyse it again.")
    try:
        written = WrittenAnalysis.model_validate({"below_the_line": (), **value})
    except ValidationError as problem:
        where = ".".join(map(str, problem.errors()[0]["loc"]))
        raise ValueError(f"The analysis does not keep to schema {SCHEMA} in {where}. Analyse it again.") from None
    triage, rules = written.triage, written.provenance.rules
    return Analysis(
        sha256=written.sha256,
        **dict(written.image),
        thresholds=frozen(written.thresholds),
        findings=tuple(_finding(finding) for finding in written.findings),
        below=tuple(_finding(finding) for finding in written.below_the_line),
        triage=Triage(triage.flag, triage.priority, triage.reasons, triage.bac_share, rules),
        provenance=Provenance(**dict(written.provenance)),
    )


def _finding(written: WrittenFinding) -> Finding:
    known = dict(written) | {"box": Box(**dict(written.box)), "probabilities": frozen(written.probabilities)}
    known["networks"] = None if written.networks is None else Networks(**dict(written.networks))
    return Finding(**{name: value for name, value in known.items() if name not in ("why", "score")}, below=written.why)


class _Published(GenerateJsonSchema):
    def field_title_should_be_set(self, _: Any) -> bool:  # "Area Mm2" says no more than its key
        return False


def schema_of(document: type[Written], name: str) -> str:
    """The JSON Schema of a document as it is published. name: of its form, as in `SCHEMA`."""
    made = document.model_json_schema(schema_generator=_Published)
    head = {"$schema": _Published.schema_dialect, "$id": f"urn:{name.replace('-', ':')}"}
    return json.dumps(head | made, ensure_ascii=False, indent=2) + "\n"
