// An optional probability layer: a coloured transparent picture over the mammogram, fetched when it is first shown.
import ImageLayer from "ol/layer/Image.js";
import Static from "ol/source/ImageStatic.js";

/** The layer of one probability map; `extent` is the image's. */
export function heatLayer(name, address, extent, projection) {
  const layer = new ImageLayer({ opacity: 0.55, zIndex: 5, visible: false });
  layer.set("name", name);
  layer.on("change:visible", () => {
    if (layer.getVisible() && !layer.getSource()) {
      layer.setSource(new Static({ url: address, imageExtent: extent, projection, interpolate: true }));
    }
  });
  return layer;
}
