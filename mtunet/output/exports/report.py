"""A one-page report as PDF: the views with their outlines, the flag and its reasons, findings, provenance.

The grey image is a picture; outlines are lines of the page, so that they stay sharp when printed or enlarged.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

import cv2
import numpy as np
from PIL import Image
from reportlab.lib.colors import Color, black, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, Table

from mtunet.case import NOT_FOR_CLINICAL_USE, Analysis, Calcification, Finding, Laterality
from mtunet.detection.outlines import contours
from mtunet.detection.triage import BADGES, finding_area, scope_of
from mtunet.files import pixels_words
from mtunet.output.drawing import LAYERS, Stroke, inset
from mtunet.output.exports.result import Drawable

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN: Final = 40.0
WIDTH: Final = PAGE_WIDTH - 2 * MARGIN
FOOT: Final = MARGIN + 16
IMAGE_HEIGHT: Final = {1: 330.0, 2: 300.0, 3: 210.0, 4: 210.0}
MOST_VIEWS: Final = 4
IMAGE_PIXELS: Final = 1400
"""The longer side at most: 300 pixels per inch at the largest size on the page."""
INSET_GAP: Final = 10.0
INSET_CAPTION: Final = 80.0
LINE: Final = 0.8
REMARKS_LEAVE: Final = 80.0
"""Points kept for the table of findings."""
GROUND: Final = Color(0.25, 0.25, 0.25)
"""Behind the legend: yellow and blue both stand out from it."""
WARNING: Final = Color(1.0, 0.82, 0.4)
BADGE_LINE: Final = 12.0
TEXT: Final = ParagraphStyle("text", fontName="Helvetica", fontSize=9, leading=12)
STRONG: Final = ParagraphStyle("strong", parent=TEXT, fontName="Helvetica-Bold", fontSize=10, leading=13)
SMALL: Final = ParagraphStyle("small", parent=TEXT, fontSize=7, leading=9)
COLUMNS: Final = ("View", "Finding", "Probability", "Networks", "Area", "Length", "Specks")


@dataclass
class Pen:
    """The page and how far down it is written, in points from the bottom."""

    page: Canvas
    y: float

    def write(self, text: str, style: ParagraphStyle = TEXT, *, left: float = MARGIN, width: float = WIDTH) -> None:
        """Wrapped text; goes down by its height."""
        words = Paragraph(escape(printable(text)), style)
        _, height = words.wrap(width, PAGE_HEIGHT)
        words.drawOn(self.page, left, self.y - height)
        self.y -= height


def report(results: Sequence[Drawable], remarks: Sequence[str] = (), flag: str = "") -> bytes:
    """The page, A4, for one to four views of one examination, in the order they are given. The same results give the
    same bytes. flag: of the study as a whole, in place of those of its images. remarks: sentences under the flag
    (amounts, decisions); as many as leave room for some findings. Raises ValueError for no view or more than four.
    """
    if not 1 <= len(results) <= MOST_VIEWS:
        raise ValueError(f"A report shows one to {MOST_VIEWS} views, not {len(results)}.")
    made = io.BytesIO()
    page = Canvas(made, pagesize=A4, invariant=1, pageCompression=1)
    page.setTitle("MTU-Net report")
    page.setSubject(NOT_FOR_CLINICAL_USE)
    pen = Pen(page, PAGE_HEIGHT - MARGIN)
    _head(pen, results)
    _views(pen, results)
    _legend(pen, results)
    _flags(pen, results, flag)
    provenance = _provenance(results)
    _remarks(pen, remarks, lowest=FOOT + _height(provenance, SMALL) + REMARKS_LEAVE)
    _findings(pen, results, room=pen.y - FOOT - _height(provenance, SMALL) - 18)
    pen.y = min(pen.y, FOOT + _height(provenance, SMALL) + 4)
    pen.write(provenance, SMALL)
    _foot(page)
    page.showPage()
    page.save()
    return made.getvalue()


def printable(text: str) -> str:
    """What the standard fonts of PDF have (Windows-1252); any other letter becomes a question mark."""
    return text.encode("cp1252", "replace").decode("cp1252")


def _head(pen: Pen, results: Sequence[Drawable]) -> None:
    pen.write("MTU-Net: calcifications found", ParagraphStyle("title", parent=STRONG, fontSize=15, leading=19))
    pen.write(NOT_FOR_CLINICAL_USE, STRONG)
    made_at = datetime.fromisoformat(results[0].analysis.provenance.made_at)
    pen.write(f"Analysed {made_at:%Y-%m-%d %H:%M} UTC", TEXT)
    pen.y -= 8


def _views(pen: Pen, results: Sequence[Drawable]) -> None:
    gap, height = 10.0, IMAGE_HEIGHT[len(results)]
    width = (WIDTH - gap * (len(results) - 1)) / len(results)
    top, lowest = pen.y, pen.y
    for place, result in enumerate(results):
        left = MARGIN + place * (width + gap)
        pen.y = top
        rows, columns = result.mammogram.shape
        scale = min(width / columns, height / rows)
        if len(results) > 1 and result.analysis.laterality is Laterality.RIGHT:
            left += width - columns * scale  # chest wall to chest wall, as far as the page allows
        pen.write(f"{_view(result.analysis)} · {result.file}", SMALL, left=left, width=width)
        pen.y -= 2
        _picture(pen.page, result, left, pen.y - rows * scale, scale)
        _badges(pen.page, result, left, pen.y)
        if len(results) == 1:
            _leading(pen.page, result, left + columns * scale + gap, pen.y, rows * scale)
        lowest = min(lowest, pen.y - rows * scale)
    pen.y = lowest - 10


def _badges(page: Canvas, result: Drawable, left: float, top: float) -> None:
    """On the picture, at its upper left: what limits the result, or is in doubt."""
    for number, name in enumerate(scope_of(result.analysis.triage.reasons)):
        words, bottom = printable(BADGES[name]), top - (number + 1) * BADGE_LINE
        page.setFillColor(WARNING)
        page.roundRect(
            left + 3, bottom, stringWidth(words, "Helvetica-Bold", 7) + 8, BADGE_LINE - 2, 3, stroke=0, fill=1
        )
        page.setFillColor(black)
        page.setFont("Helvetica-Bold", 7)
        page.drawString(left + 7, bottom + 3, words)


def _leading(page: Canvas, result: Drawable, left: float, top: float, height: float) -> None:
    """Beside a single view: its two leading findings magnified, where there is room."""
    side = (height - INSET_GAP) / 2
    if left + side > MARGIN + WIDTH:
        return
    for place, finding in enumerate(sorted(result.analysis.findings, key=_leads)[:2]):
        picture = inset(result.mammogram, finding, result.analysis.findings, result.truth, result.palette)
        bottom = top - side - place * (side + INSET_GAP)
        page.drawImage(ImageReader(Image.fromarray(picture)), left, bottom, side, side)
        if left + side + INSET_CAPTION <= MARGIN + WIDTH:
            page.setFont("Helvetica", 8)
            page.drawString(left + side + 4, bottom + 2, f"{finding.type.value.upper()} {finding.number}, magnified")


def _leads(finding: Finding) -> tuple[bool, int]:
    """Sorts microcalcifications first, the largest first."""
    return finding.type is not Calcification.MICRO, -finding.area_px


def _picture(page: Canvas, result: Drawable, left: float, bottom: float, scale: float) -> None:
    """The image with its lower left corner there, `scale` points per pixel, and its outlines over it."""
    rows, columns = result.mammogram.shape
    factor = min(1.0, IMAGE_PIXELS / max(rows, columns))
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    grey = cv2.convertScaleAbs(cv2.resize(result.mammogram.pixels, size, interpolation=cv2.INTER_AREA), alpha=255.0)
    page.drawImage(
        ImageReader(Image.fromarray(np.asarray(grey, np.uint8))), left, bottom, columns * scale, rows * scale
    )
    page.saveState()
    page.setLineJoin(1)
    for stroke, outline in _outlines(result):
        _pen_for(page, stroke)
        path = page.beginPath()
        for number, (x, y) in enumerate(outline):
            point = (left + (x + 0.5) * scale, bottom + (rows - y - 0.5) * scale)
            (path.lineTo if number else path.moveTo)(*point)
        path.close()
        page.drawPath(path)
    page.restoreState()


def _outlines(result: Drawable) -> Iterator[tuple[Stroke, tuple[tuple[float, float], ...]]]:
    for finding in result.analysis.findings:
        yield result.palette[finding.type.value], finding.contour
    for kind, mask in () if result.truth is None else result.truth.masks.items():
        for outline in contours(mask):
            yield result.palette[f"truth_{kind.value}"], outline


def _pen_for(page: Canvas, stroke: Stroke) -> None:
    page.setStrokeColor(Color(*(value / 255 for value in stroke.colour)))
    page.setLineWidth(LINE)
    page.setDash([length * LINE for length in stroke.dash])


def _legend(pen: Pen, results: Sequence[Drawable]) -> None:
    """A dark strip, because yellow cannot be seen on paper; two layers to a line."""
    known = any(result.truth is not None for result in results)
    names = [name for name in LAYERS if known or not name.startswith("truth")]
    page, line, each = pen.page, 14.0, WIDTH / 2
    height = line * (len(names) + 1) // 2 + 4
    page.setFillColor(GROUND)
    page.rect(MARGIN, pen.y - height, WIDTH, height, stroke=0, fill=1)
    page.setFillColor(white)
    page.setFont("Helvetica", 8)
    for place, name in enumerate(names):
        x, y = MARGIN + place % 2 * each + 6, pen.y - line * (place // 2) - line / 2 - 2
        _pen_for(page, results[0].palette[name])
        page.line(x, y, x + 30, y)
        page.drawString(x + 36, y - 2.5, LAYERS[name])
    page.setDash([])
    page.setFillColor(black)
    pen.y -= height + 8


def _flags(pen: Pen, results: Sequence[Drawable], flag: str) -> None:
    if flag:
        pen.write(flag, STRONG)
    for result in () if flag else results:
        triage = result.analysis.triage
        where = "" if len(results) == 1 else f"{_view(result.analysis)}. "
        pen.write(f"{where}Priority: {triage.priority.value}. " + " ".join(r.sentence for r in triage.reasons), STRONG)
    pen.y -= 6


def _remarks(pen: Pen, remarks: Sequence[str], lowest: float) -> None:
    """Down to `lowest`; what does not fit is counted."""
    for number, remark in enumerate(remarks):
        if pen.y - _height(remark, TEXT) < lowest:
            pen.write(f"{len(remarks) - number} more are in the JSON file of the study.", TEXT)
            break
        pen.write(remark, TEXT)
    pen.y -= 6 if remarks else 0


def _findings(pen: Pen, results: Sequence[Drawable], room: float) -> None:
    """As many findings as there is room for, microcalcifications first, the largest first; the rest is counted."""
    pairs = [(_view(result.analysis), f) for result in results for f in result.analysis.findings]
    pairs.sort(key=lambda pair: _leads(pair[1]))
    if not pairs:
        return
    row = 13.0
    fits = min(len(pairs), max(0, int((room - 12) / row) - 1))
    if fits:
        cells = [COLUMNS, *(tuple(map(printable, _row(view, finding))) for view, finding in pairs[:fits])]
        columns = [column for column in zip(*cells, strict=True) if any(column[1:])]  # others say nothing here
        cells = list(zip(*columns, strict=True))
        table = Table(cells, colWidths=[WIDTH / len(columns)] * len(columns), rowHeights=row, hAlign="LEFT")
        table.setStyle(
            [
                ("FONT", (0, 0), (-1, -1), "Helvetica", 8),
                ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 8),
                ("LINEBELOW", (0, 0), (-1, 0), 0.5, black),
                ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
                ("TOPPADDING", (0, 0), (-1, -1), 1),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ]
        )
        _, height = table.wrap(WIDTH, room)
        table.drawOn(pen.page, MARGIN, pen.y - height)
        pen.y -= height + 2
    if fits < len(pairs):
        pen.write(f"{fits} of {len(pairs)} findings are listed; all are in the CSV and JSON files.", SMALL)


def _row(view: str, finding: Finding) -> tuple[str, ...]:
    in_mm = finding.area_mm2 is not None and finding.length_mm is not None
    return (
        view,
        f"{finding.type.value.upper()} {finding.number}",
        f"{finding.probability:.2f}",
        "" if finding.networks is None else str(finding.networks),
        finding_area(finding, in_mm2=in_mm),
        f"{finding.length_mm:.3g} mm" if in_mm else f"{finding.length_px:,.0f} px",
        "" if finding.specks is None else str(finding.specks),
    )


def _view(analysis: Analysis) -> str:
    """ "LCC", "RMLO", "L", "view unknown"."""
    known = (part.value for part in (analysis.laterality, analysis.view) if part is not None)
    return "".join(known) or "view unknown"


def _provenance(results: Sequence[Drawable]) -> str:
    made = results[0].analysis.provenance
    thresholds = ", ".join(f"{kind.value.upper()} {v:.3g}" for kind, v in results[0].analysis.thresholds.items())
    sizes = " ".join(_size(result.analysis) for result in results)
    told = any(finding.networks for result in results for finding in result.analysis.findings)
    networks = " Networks: how many of the model's see half of a finding or more by themselves." if told else ""
    return (
        f"Made by MTU-Net {made.version}, model {made.model} (weights sha256 {made.weights_sha256}), "
        f"rules {made.rules}, on {made.device}; thresholds {thresholds}. {sizes} MC: microcalcifications. "
        f"BAC: breast arterial calcifications. Probabilities are the network's, of pixels, not the chance of a disease."
        f"{networks}"
    )


def _size(analysis: Analysis) -> str:
    spacing = "no pixel spacing in the file, so sizes are in pixels"
    if analysis.spacing_mm is not None:
        spacing = "{:.4g} × {:.4g} mm per pixel".format(*reversed(analysis.spacing_mm))
    pixels = pixels_words(analysis.rows, analysis.columns)
    return f"{_view(analysis)}: {pixels}, {spacing}, image sha256 {analysis.sha256[:16]}."


def _height(text: str, style: ParagraphStyle) -> float:
    height: float = Paragraph(escape(printable(text)), style).wrap(WIDTH, PAGE_HEIGHT)[1]
    return height


def _foot(page: Canvas) -> None:
    page.setFont("Helvetica-Bold", 8)
    page.drawCentredString(PAGE_WIDTH / 2, MARGIN - 8, NOT_FOR_CLINICAL_USE)
