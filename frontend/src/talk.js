// Decisions on their way to the desk's address, and what others decided on its way here.
const EVERY = 3000; // ms between looks at what others decided
const AGAIN = [300, 700, 1500, 3000]; // ms to wait for a page that is drawn again after the server was away

export class Talk {
  /** @param {() => {address: string, last: number, reader: string}} now @param {(state: object) => void} take
   *  @param {() => void} lost called when the desk is not open there any more */
  constructor(now, take, lost) {
    Object.assign(this, { now, take, lost });
    this.timer = setInterval(() => this.look(), EVERY);
  }

  /** Have something kept; gives what stands then. Throws an Error with a sentence when it was not kept. */
  async send(message) {
    const { study } = this.now();
    for (const wait of [...AGAIN, null]) {
      if (this.now().study !== study) throw new Error("Another study was opened, so it was not kept.");
      const answer = await this.post(message);
      if (answer.status === 404 && wait) {
        this.lost();
        await new Promise((resolve) => setTimeout(resolve, wait));
        continue;
      }
      const said = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(said.sentence ?? "It was not kept. Reload the page and decide again.");
      return said;
    }
  }

  async post(message) {
    try {
      return await fetch(this.address(), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ reader: this.now().reader, ...message }),
      });
    } catch {
      throw new Error("The server does not answer, so it was not kept. Decide again when it is back.");
    }
  }

  async look() {
    if (document.hidden || this.looking) return;
    this.looking = true;
    try {
      const { last, reader, address } = this.now();
      const answer = await fetch(`${this.address()}?${new URLSearchParams({ last, reader })}`);
      if (address !== this.now().address) return;
      if (answer.status === 404) this.lost();
      else if (answer.status === 200) this.take(await answer.json());
    } catch {
      // the server is away; the next look asks again
    } finally {
      this.looking = false;
    }
  }

  address() {
    return new URL(this.now().address, document.baseURI).href;
  }

  stop() {
    clearInterval(this.timer);
  }
}
