// The probabilities under the pointer, read off the stored maps: asked for when the pointer rests.
const REST = 70; // milliseconds

export class Probe {
  /** @param {(words: string) => void} show called with the words, "" for none */
  constructor(show) {
    this.show = show;
  }

  /** @param {Record<string, string>} maps addresses by layer @param {[number, number] | null} pixel of the image */
  ask(maps, pixel) {
    clearTimeout(this.timer);
    this.stop?.abort();
    if (!pixel || !maps.map_mc || !maps.map_bac) return this.show("");
    this.timer = setTimeout(() => this.fetch(maps, pixel), REST);
  }

  async fetch(maps, [x, y]) {
    this.stop = new AbortController();
    const { signal } = this.stop;
    const value = async (address) => {
      const more = address.includes("?") ? "&" : "?";
      const answer = await fetch(`${address}${more}x=${x}&y=${y}`, { signal });
      return answer.ok ? (await answer.json()).probability.toFixed(2) : "–";
    };
    try {
      const [mc, bac] = await Promise.all([value(maps.map_mc), value(maps.map_bac)]);
      this.show(`MC ${mc}  BAC ${bac}`);
    } catch {
      // another place was asked for, or the server is away: the words stay as they are
    }
  }
}
