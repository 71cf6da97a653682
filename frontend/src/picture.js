// One image in one window, as pictures of several sizes: the small ones come first, and shrinking is done by averaging
// on the server, so that a speck neither twinkles nor vanishes when the whole breast is in view.
import Layer from "ol/layer/Layer.js";

const SIZES = [
  { scale: 4, format: "jpg" },
  { scale: 2, format: "jpg" },
  { scale: 1, format: "png" }, // close up, every grey level is exact
];

export class Picture {
  /**
   * @param {string} address of the image
   * @param {[number, number]} window low and high, of 0..65535
   * @param {() => void} arrived called when a size has arrived, or failed (then `error` is a sentence)
   */
  constructor(address, [low, high], arrived) {
    Object.assign(this, { address, low, high, arrived });
    this.bitmaps = new Map();
    this.stop = new AbortController();
  }

  /** The best picture at hand for a number of image pixels per screen pixel; the right one is fetched if it is not. */
  at(resolution) {
    const right = this.sizeFor(resolution);
    this.fetch(right);
    if (this.bitmaps.get(right)) return this.bitmaps.get(right);
    return [...SIZES]
      .reverse()
      .map((size) => this.bitmaps.get(size))
      .find(Boolean);
  }

  /** Is the right picture for this resolution here? */
  isReady(resolution) {
    return Boolean(this.bitmaps.get(this.sizeFor(resolution)));
  }

  /** The smallest picture, for a map of the whole image. */
  get overview() {
    this.fetch(SIZES[0]);
    return this.bitmaps.get(SIZES[0]);
  }

  sizeFor(resolution) {
    return SIZES.find(({ scale }) => scale <= Math.max(1, resolution * 1.001)) ?? SIZES.at(-1);
  }

  async fetch(size) {
    if (this.bitmaps.has(size) || this.error) return;
    this.bitmaps.set(size, null); // on its way
    const more = this.address.includes("?") ? "&" : "?";
    const query = `low=${this.low}&high=${this.high}&scale=${size.scale}&format=${size.format}`;
    try {
      const answer = await fetch(`${this.address}${more}${query}`, { signal: this.stop.signal });
      if (!answer.ok)
        throw new Error(answer.status === 404 ? "it is not stored here any more" : answer.statusText);
      const bitmap = await createImageBitmap(await answer.blob());
      if (this.stop.signal.aborted) return bitmap.close();
      this.bitmaps.set(size, bitmap);
    } catch (failure) {
      if (this.stop.signal.aborted) return;
      this.bitmaps.delete(size);
      this.error = `This image cannot be shown: ${failure.message}. Reload the page; if that does not help, analyse the file again.`;
    }
    this.arrived();
  }

  close() {
    this.stop.abort();
    this.bitmaps.forEach((bitmap) => bitmap?.close());
    this.bitmaps.clear();
  }
}

/** An OpenLayers layer that draws what `picture()` gives, stretched over the image's columns and rows. */
export function pictureLayer({ columns, rows }, picture) {
  const canvas = document.createElement("canvas");
  canvas.className = "picture";
  const context = canvas.getContext("2d");
  const render = (frame) => {
    const ratio = frame.pixelRatio;
    const [width, height] = frame.size.map((side) => Math.round(side * ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    else context.clearRect(0, 0, width, height);
    const bitmap = picture()?.at(frame.viewState.resolution / ratio);
    if (bitmap) paint(context, bitmap, frame, { columns, rows, width, height });
    return canvas;
  };
  const layer = new Layer({ render });
  layer.canvas = canvas;
  return layer;
}

/** Only the part in view is drawn; the image's top-left corner is the map's (0, 0). */
function paint(context, bitmap, frame, { columns, rows, width, height }) {
  const ratio = frame.pixelRatio;
  const [zoom, , , , left, top] = frame.coordinateToPixelTransform.map((v) => v * ratio);
  const x0 = Math.max(0, -left / zoom);
  const y0 = Math.max(0, -top / zoom);
  const x1 = Math.min(columns, (width - left) / zoom);
  const y1 = Math.min(rows, (height - top) / zoom);
  if (x1 <= x0 || y1 <= y0) return;
  const [fx, fy] = [bitmap.width / columns, bitmap.height / rows];
  context.imageSmoothingEnabled = zoom / ratio < 8; // beyond, single pixels are what one wants to see
  context.drawImage(
    bitmap,
    x0 * fx,
    y0 * fy,
    (x1 - x0) * fx,
    (y1 - y0) * fy,
    left + x0 * zoom,
    top + y0 * zoom,
    (x1 - x0) * zoom,
    (y1 - y0) * zoom,
  );
}
