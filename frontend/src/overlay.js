// The words over an image: title, orientation, state, what is under the pointer, and what went wrong.
import { element } from "./dom.js";

export class Overlay {
  constructor(facts) {
    this.title = element("div", { class: "title" });
    this.marker = element("div", { class: "marker", title: "Side and view" });
    this.state = element("div", {
      class: "state",
      title:
        "How values become greys. A window, or a table (VOI LUT), of the file is what its header asks for.",
    });
    this.probe = element("div", { class: "probe", title: "Probabilities at the pointer" });
    this.tip = element("div", { class: "tip", role: "status" });
    this.pointer = element("div", { class: "cross" });
    this.spinner = element("div", { class: "spinner", title: "Loading the image" });
    this.message = element("div", { class: "message", role: "alert" });
    this.elements = [
      this.title,
      this.marker,
      this.state,
      this.probe,
      this.spinner,
      this.pointer,
      this.tip,
      this.message,
    ];
    this.update(facts);
  }

  update({ title, marker }) {
    this.title.textContent = title;
    this.marker.textContent = marker;
  }

  status(zoom, { width, level, name, inverted }) {
    const percent = (value) => `${Math.round(value * 100)} %`;
    const size = `${zoom < 0.995 || zoom > 1.005 ? percent(zoom) : "1:1"}`;
    const inverse = inverted ? "  inverted" : "";
    const window = name ?? `W ${percent(width)}  L ${percent(level)}`;
    this.state.textContent = `${window}${inverse}  zoom ${size}`;
  }

  /** The note of the finding under the pointer, beside it and inside the pane. */
  hover(feature, pixel, size) {
    const note = feature?.get("note");
    this.tip.classList.toggle("shown", Boolean(note));
    if (!note) return;
    const number = feature.get("number");
    this.tip.style.setProperty("--colour", feature.get("colour"));
    this.tip.textContent = number == null ? note : `${number} · ${note}`;
    const { offsetWidth, offsetHeight } = this.tip;
    const x = Math.min(pixel[0] + 16, size[0] - offsetWidth - 8);
    const y = pixel[1] + 20 + offsetHeight > size[1] ? pixel[1] - offsetHeight - 12 : pixel[1] + 20;
    this.tip.style.transform = `translate(${x}px, ${y}px)`;
  }

  probability(words) {
    this.probe.textContent = words;
  }

  cross(pixel) {
    this.pointer.classList.toggle("shown", Boolean(pixel));
    if (pixel) this.pointer.style.transform = `translate(${pixel[0]}px, ${pixel[1]}px)`;
  }

  busy(loading) {
    this.spinner.classList.toggle("shown", loading);
  }

  fail(sentence) {
    this.message.textContent = sentence ?? "";
    this.message.classList.toggle("shown", Boolean(sentence));
  }
}
