// Distances between two points, in mm when the file says how large a pixel is, else in pixels.
import { LineString } from "ol/geom.js";
import Draw from "ol/interaction/Draw.js";
import VectorLayer from "ol/layer/Vector.js";
import VectorSource from "ol/source/Vector.js";
import { Circle, Fill, Stroke, Style, Text } from "ol/style.js";

const COLOUR = "#5ee6ff";

/** Length of a line in map units (image pixels), as text; `spacing` is [row, column] mm or null. */
export function lengthText(line, spacing) {
  const points = line.getCoordinates();
  const [[x0, y0], [x1, y1]] = [points[0], points.at(-1)];
  if (!spacing) return `${Math.hypot(x1 - x0, y1 - y0).toFixed(0)} pixels`;
  const mm = Math.hypot((x1 - x0) * spacing[1], (y1 - y0) * spacing[0]);
  return `${mm.toFixed(mm < 10 ? 2 : 1)} mm`;
}

export class Measure {
  constructor(pane) {
    this.pane = pane;
    const source = new VectorSource();
    const style = (feature) => look(feature, pane.facts.spacing);
    this.layer = new VectorLayer({ source, style, zIndex: 60, updateWhileInteracting: true });
    this.draw = new Draw({ source, type: "LineString", maxPoints: 2, style });
    pane.map.addLayer(this.layer);
    pane.map.addInteraction(this.draw);
    pane.element.classList.add("measuring");
  }

  destroy() {
    this.pane.map.removeInteraction(this.draw);
    this.pane.map.removeLayer(this.layer);
    this.pane.element.classList.remove("measuring");
  }
}

function look(feature, spacing) {
  const geometry = feature.getGeometry();
  const end = new Circle({
    radius: 3.5,
    stroke: new Stroke({ color: COLOUR, width: 2 }),
    fill: new Fill({ color: "#000" }),
  });
  if (!(geometry instanceof LineString)) return new Style({ image: end });
  return [
    new Style({ stroke: new Stroke({ color: "rgba(0,0,0,0.6)", width: 4 }) }),
    new Style({
      stroke: new Stroke({ color: COLOUR, width: 2 }),
      text: new Text({
        text: lengthText(geometry, spacing),
        font: "600 13px system-ui, 'Segoe UI', sans-serif",
        fill: new Fill({ color: COLOUR }),
        backgroundFill: new Fill({ color: "rgba(0,0,0,0.7)" }),
        padding: [3, 5, 2, 5],
        offsetY: -16,
      }),
    }),
  ];
}
