// Contours as OpenLayers vector layers: their colours and line styles come from Python's palette.
import Feature from "ol/Feature.js";
import Point from "ol/geom/Point.js";
import Polygon from "ol/geom/Polygon.js";
import VectorLayer from "ol/layer/Vector.js";
import VectorSource from "ol/source/Vector.js";
import { Fill, Stroke, Style, Text } from "ol/style.js";

const FONT = "600 12px system-ui, 'Segoe UI', sans-serif";
const FAR = 1; // screen pixels: the two walls of a vessel of 2 mm are seven apart
const CASING = "rgba(0,0,0,0.55)";
const RIM = "rgba(255,255,255,0.5)";

/**
 * A vector layer. `close(resolution)` says when one has zoomed in: lines are thin before, so that they do not hide the
 * vessel they run along, and findings are numbered after. Truth lies under what was detected.
 */
export function contourLayer({ name, colour, dashed, truth, width }, source, close) {
  const near = linesOf(colour, width, dashed, truth);
  const far = linesOf(colour, truth ? width * 0.5 : FAR, dashed, truth).slice(truth ? 0 : 1); // bare: no dark rim
  const style = (feature, resolution) => {
    if (!close(resolution)) return far;
    return feature.get("number") == null ? near : [...near, numberOf(feature, colour)];
  };
  const layer = new VectorLayer({ source, style, zIndex: truth ? 10 : 20, declutter: true });
  layer.set("name", name);
  return layer;
}

/** A line, and under it what sets it off: light for truth (Figure 3's blue is dark), dark for the rest. */
function linesOf(colour, width, dashed, truth) {
  const pattern = dashed ? { lineDash: truth ? [2 * width, 1.6 * width] : [9, 3], lineCap: "butt" } : {};
  const under = truth
    ? { color: RIM, width: width + 1.4, ...pattern }
    : { color: CASING, width: width + 1.2 };
  return [under, { color: colour, width, ...pattern }].map(
    (stroke) => new Style({ stroke: new Stroke(stroke) }),
  );
}

/** The layer that marks the chosen finding, above all others. */
export function markLayer() {
  const style = (feature) => [
    new Style({ stroke: new Stroke({ color: "rgba(0,0,0,0.6)", width: 7 }) }),
    new Style({ stroke: new Stroke({ color: "#ffffff", width: 4.5 }) }),
    new Style({ stroke: new Stroke({ color: feature.get("colour"), width: 2 }) }),
    numberOf(feature, "#ffffff"),
  ];
  return new VectorLayer({ source: new VectorSource(), style, zIndex: 50 });
}

/** Replace a source's contours, if they are other ones: zoom, window and hover state stay. */
export function setContours(source, outlines, layer) {
  const sign = JSON.stringify(outlines);
  if (source.get("sign") === sign) return;
  source.set("sign", sign);
  source.clear(true);
  source.addFeatures(
    outlines.filter(([points]) => points.length >= 2).map((outline) => contour(outline, layer)),
  );
}

/** The smallest finding, or else contour, within `reach` map units of a coordinate, among layers that are shown. */
export function contourAt(layers, [x, y], reach) {
  const box = [x - reach, y - reach, x + reach, y + reach];
  const found = [];
  for (const layer of layers) {
    if (layer.getVisible())
      layer.getSource().forEachFeatureIntersectingExtent(box, (f) => void found.push(f));
  }
  const size = (feature) => feature.getGeometry().getArea();
  const isTruth = (feature) => feature.get("number") == null; // cannot be chosen, so it must not stand in the way
  return found.sort((a, b) => isTruth(a) - isTruth(b) || size(a) - size(b))[0] ?? null;
}

// An outline comes as [[x0, y0, x1, y1, …], number or null, note]; (0, 0) is the centre of the first pixel, while the
// map's (0, 0) is that pixel's corner, y upwards.
function contour([points, number, note], layer) {
  const ring = [];
  for (let i = 0; i < points.length; i += 2) ring.push([points[i] + 0.5, -(points[i + 1] + 0.5)]);
  if (ring.length < 3) return dot(ring[0], number, note, layer);
  return new Feature({
    geometry: new Polygon([ring]),
    number,
    note,
    layer: layer.name,
    colour: layer.colour,
  });
}

function dot([x, y], number, note, layer) {
  const ring = [0, 1, 2, 3].map((quarter) => {
    const angle = (quarter * Math.PI) / 2;
    return [x + 0.7 * Math.cos(angle), y + 0.7 * Math.sin(angle)];
  });
  return new Feature({
    geometry: new Polygon([ring]),
    number,
    note,
    layer: layer.name,
    colour: layer.colour,
  });
}

function numberOf(feature, colour) {
  const number = feature.get("number");
  const kept = feature.get(`label ${colour}`);
  if (kept) return kept;
  const [ring] = feature.getGeometry().getCoordinates();
  const top = ring.reduce((best, point) => (point[1] > best[1] ? point : best));
  const label = new Style({
    geometry: new Point(top),
    text: new Text({
      text: number == null ? "" : String(number),
      font: FONT,
      fill: new Fill({ color: colour }),
      backgroundFill: new Fill({ color: "rgba(0,0,0,0.68)" }),
      padding: [2, 4, 1, 4],
      textBaseline: "bottom",
      offsetY: -7,
    }),
  });
  feature.set(`label ${colour}`, label, true);
  return label;
}
