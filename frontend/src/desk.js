// The reader's panel: the list that is read, the flag and why, the findings, the decision. It speaks with the server by
// `Talk` and is drawn anew from what stands there; the page around it is not asked.
import { Card } from "./card.js";
import { element } from "./dom.js";
import { keyOf } from "./keys.js";
import { Talk } from "./talk.js";

const THEN_NEXT = "mtunet.then_next";
const FOLDED = "mtunet.folded";
const READER = "mtunet.reader";
const DRAFT = "mtunet.draft."; // and the study: a note that is typed and not kept yet outlives the page in its tab

export class Desk {
  constructor(viewer) {
    this.viewer = viewer;
    this.card = new Card(viewer.stage);
    this.chosen = -1; // which of the findings
    this.queue = Promise.resolve(); // what is on its way
    this.build();
    this.fold(localStorage.getItem(FOLDED) === "yes");
    this.talk = new Talk(
      () => ({
        address: this.facts.address,
        study: this.facts.study,
        last: this.state.last,
        reader: this.reader,
      }),
      (state) => this.take(state),
      () => this.redraw(),
    );
  }

  build() {
    const part = (name, tag = "div") => (this[name] = element(tag, { class: name }));
    const button = (label, action, act, more = {}) => {
      const made = element("button", { type: "button", class: "act", ...more }, label);
      made.addEventListener("click", act);
      made.action = action;
      this.actions.push(made);
      return made;
    };
    this.actions = [];
    this.back = button("‹", "previous_study", () => this.go("above"), { "aria-label": "Previous study, P" });
    this.on = button("›", "next_study", () => this.go("below"), { "aria-label": "Next study, N" });
    this.name = element("input", {
      type: "text",
      maxlength: 80,
      placeholder: "Your name or initials",
      "aria-label": "Reader",
    });
    this.name.addEventListener("change", () => this.sign(this.name.value));
    this.name.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.viewer.takeFocus(true);
    });
    this.yes = button("Recall", "recall", () => this.decide("recall"));
    this.no = button("No recall", "no_recall", () => this.decide("no_recall"));
    this.then = element("input", { type: "checkbox" });
    this.then.checked = localStorage.getItem(THEN_NEXT) === "yes";
    this.then.addEventListener("change", () => {
      localStorage.setItem(THEN_NEXT, this.then.checked ? "yes" : "no");
      this.viewer.takeFocus(true);
    });
    this.words = element("textarea", { rows: 1, maxlength: 2000, placeholder: "Note", "aria-label": "Note" });
    this.words.addEventListener("keydown", (event) => {
      if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
        if (event.key === "Enter") this.keepNote();
        this.viewer.takeFocus(true);
      }
    });
    this.keep = button("Keep the note", "", () => this.keepNote());
    this.back_out = button("Undo", "undo", () => this.undo());
    this.words.addEventListener("input", () => {
      this.draft(this.words.value);
      this.render();
    });
    this.layers = element(
      "details",
      { class: "layers", open: window.innerHeight > 820 },
      element("summary", {}, "Layers"),
    );
    this.history = element("details", { class: "history" });
    this.element = element(
      "aside",
      { class: "panel", "aria-label": "Reading" },
      element("nav", {}, this.back, part("where", "span"), this.on),
      element(
        "div",
        { class: "told", tabindex: "-1" },
        part("name_of", "h2"),
        part("about"),
        part("unusual"),
        part("flag"),
        part("findings", "ul"),
        this.layers,
      ),
      element(
        "div",
        { class: "decision" },
        element("label", { class: "reader" }, "Reader", this.name),
        element("div", { class: "answers" }, this.yes, this.no),
        element("label", { class: "then" }, this.then, "Then open the next study"),
        element("div", { class: "noting" }, this.words, this.back_out, this.keep),
        part("stands"),
        part("trouble"),
        this.history,
      ),
    );
    this.trouble.setAttribute("role", "alert");
    this.stands.setAttribute("aria-live", "polite");
  }

  /** Obey a message from Python. */
  update(facts) {
    const another = this.facts?.study !== facts.study;
    const moved = this.facts?.address !== facts.address;
    this.facts = facts;
    this.drawn = JSON.stringify(facts.state.missed);
    if (another || moved || facts.state.last >= this.state.last) this.state = facts.state;
    if (moved || this.listed !== JSON.stringify(facts.place)) this.place = facts.place;
    this.listed = JSON.stringify(facts.place);
    if (another) this.words.value = sessionStorage.getItem(DRAFT + facts.study) ?? "";
    const kept = sessionStorage.getItem(READER) ?? "";
    if (!facts.reader && kept && !this.reader)
      this.sign(kept); // a reload keeps who reads in this tab
    else if (facts.reader) this.name.value = facts.reader;
    this.name.readOnly = facts.signed; // by the provider's name: the server writes no other one
    this.leaving = false;
    if (another) this.fetchAhead(facts.ahead);
    if (another || !facts.findings[this.chosen]) this.choose(-1);
    else this.choose(this.chosen, false);
    this.render();
  }

  /** The next study's pictures, once this one's have come: the server then has them at hand. */
  fetchAhead(images) {
    clearTimeout(this.ahead);
    const fetchAll = () => {
      for (const image of images)
        for (const scale of [4, 2])
          fetch(`${image}?low=0&high=65535&scale=${scale}&format=jpg`).catch(() => {});
    };
    this.ahead = setTimeout(fetchAll, 1500);
  }

  get reader() {
    return this.name.value.trim();
  }

  draft(words) {
    if (words.trim()) sessionStorage.setItem(DRAFT + this.facts.study, words);
    else sessionStorage.removeItem(DRAFT + this.facts.study);
  }

  sign(name) {
    this.name.value = name.trim();
    this.name.removeAttribute("aria-invalid");
    sessionStorage.setItem(READER, this.reader);
    if (this.reader !== this.facts.reader) this.tell("sign", this.reader);
    this.render();
  }

  /** What stands, as the server says; where a mark of what was missed came or went, the page draws it. */
  take(state) {
    this.state = state;
    if (state.place && this.place) this.place = { ...this.place, words: state.place };
    if (JSON.stringify(state.missed) !== this.drawn) this.redraw();
    this.render();
  }

  redraw() {
    this.tell("redraw", String(Date.now()));
  }

  tell(name, value) {
    this.viewer.component.setTriggerValue(name, value);
  }

  // What a reader does ----------------------------------------------------------------------------------------------

  async send(message) {
    if (this.leaving) return false;
    if (!this.reader) {
      this.say("Say who reads first: a decision carries its reader's name.");
      this.unfold();
      this.name.setAttribute("aria-invalid", "true"); // not the focus: the next key would be a letter of the name
      return false;
    }
    this.element.dataset.busy = "";
    try {
      const kept = this.queue.then(() => this.talk.send(message)); // one after another, as they were pressed
      this.queue = kept.catch(() => {});
      this.take(await kept);
      this.say("");
      return true;
    } catch (problem) {
      this.say(problem.message);
      return false;
    } finally {
      delete this.element.dataset.busy;
    }
  }

  /** The next finding without a verdict after (or before) the chosen one, and from the other end on again. */
  step(way) {
    const { findings } = this.facts;
    for (let n = 1; n <= findings.length; n++) {
      const at =
        ((((this.chosen < 0 && way < 0 ? 0 : this.chosen) + way * n) % findings.length) + findings.length) %
        findings.length;
      if (way < 0 || !this.verdict(findings[at])) return this.choose(at);
    }
    this.say(findings.length ? "Every finding has its verdict." : "");
  }

  /** Choose a finding by its place in the list, -1 for none. centred: whether to bring it into view. */
  choose(at, centred = true) {
    this.chosen = at;
    this.say("");
    const finding = this.facts.findings[at];
    const pane = finding && this.viewer.panes.find(({ facts }) => facts.id === finding.pane);
    if (!pane?.has(finding.number)) {
      this.card.hide();
      this.viewer.mark(null, null);
    } else {
      this.viewer.mark(pane, finding.number);
      if (centred) this.viewer.bringIntoView(pane, finding.number);
      this.ask(pane, finding);
    }
    this.viewer.report();
    this.render();
    this.findings.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest" });
  }

  /** A finding was clicked in the image. */
  clicked(pane, number) {
    const { findings } = this.facts;
    const at = findings.findIndex((one) => one.pane === pane.facts.id && one.number === number);
    if (at >= 0) this.choose(at, false);
    else this.viewer.mark(pane, number); // of an earlier study: there is nothing to decide
  }

  /** which: 0 agree, 1 the other type, 2 no calcification. */
  judge(which) {
    const finding = this.facts.findings[this.chosen];
    if (this.box) return this.say("Say first what is in the box.");
    if (!finding) return this.say("Choose a finding first: click it, or press J.");
    const [answer] = finding.answers[which];
    return this.send({ act: "finding", image: finding.image, number: finding.number, answer });
  }

  async decide(answer, next = this.then.checked) {
    if (this.words.value.trim() && !(await this.keepNote())) return;
    if ((await this.send({ act: "study", answer })) && next) this.go("below");
  }

  write() {
    this.unfold();
    this.words.focus();
  }

  async keepNote() {
    const note = this.words.value.trim();
    const { study } = this.facts;
    if (!note || !(await this.send({ act: "note", note }))) return false;
    sessionStorage.removeItem(DRAFT + study);
    if (this.facts.study === study) this.words.value = "";
    this.render();
    return true;
  }

  undo() {
    if (this.state.undo) return this.send({ act: "undo" });
    return this.say("You have decided nothing here that stands.");
  }

  go(where) {
    const study = this.place?.[where];
    if (!study || this.leaving) return;
    this.leaving = true;
    this.element.dataset.busy = "";
    setTimeout(() => (this.leaving = false), 10_000);
    this.queue.then(() => this.tell("go", study));
  }

  /** A box was drawn round something missed: what is it? extent: in coordinates of the pane's map. */
  boxed(pane, box, extent) {
    this.choose(-1);
    this.box = box;
    const keep = (answer) => async () => {
      if (await this.send({ act: "missed", image: pane.facts.sha256, box, answer })) this.close();
    };
    this.card.show(
      pane,
      extent,
      element("b", {}, `Missed on ${pane.facts.marker || "this image"}: what is it?`),
      element(
        "div",
        { class: "answers" },
        pressed("Microcalcifications (MC)", "", keep("mc")),
        pressed("Arterial calcifications (BAC)", "", keep("bac")),
        pressed("Discard the box", "", () => this.close()),
      ),
    );
  }

  /** Put away what lies over the image; whether anything did. */
  close() {
    if (!this.card.pane) return false;
    this.box = null;
    this.viewer.panes.forEach((pane) => pane.setMarking(false));
    this.choose(-1);
    return true;
  }

  fold(on = !this.element.hidden) {
    this.element.hidden = on;
    localStorage.setItem(FOLDED, on ? "yes" : "no");
    this.viewer.root.classList.toggle("folded", on);
    this.viewer.toolbar?.refresh();
  }

  unfold() {
    this.fold(false);
  }

  // What is seen ----------------------------------------------------------------------------------------------------

  say(words) {
    this.trouble.textContent = words;
  }

  verdict(finding) {
    return this.state.verdicts[`${finding.image.slice(0, 16)} ${finding.number}`];
  }

  ask(pane, finding) {
    const given = this.verdict(finding);
    const keys = ["agree", "other_type", "nothing"].map((action) => keyOf(this.viewer, action));
    const { mc, bac } = finding.probabilities;
    const both =
      mc === undefined ? `probability ${finding.probability}` : `MC ${mc.toFixed(2)}  BAC ${bac.toFixed(2)}`;
    const answers = finding.answers.map(([answer, words], n) =>
      pressed(words, keys[n], () => this.judge(n), given?.answer === answer),
    );
    this.card.show(
      pane,
      pane.finding(finding.number).getGeometry().getExtent(),
      element("b", {}, `${finding.name}, ${finding.kind}`),
      element(
        "div",
        {},
        element("span", { title: "Mean probability of either type over the finding" }, both),
        element("span", { title: NETWORKS }, finding.networks && ` · ${finding.networks}`),
      ),
      element("div", {}, finding.size),
      element("small", {}, finding.where),
      element("div", { class: "answers" }, ...answers),
      element("small", { class: "given" }, given ? `${given.words}, by ${given.reader}` : ""),
    );
  }

  render() {
    const { facts, state, place } = this;
    this.where.textContent = place?.words ?? "";
    this.back.disabled = !place?.above;
    this.on.disabled = !place?.below;
    this.name_of.textContent = facts.title;
    this.name_of.title = facts.title;
    this.about.replaceChildren(...facts.about.map((words) => element("div", {}, words)));
    this.flag.replaceChildren(...flagOf(facts.flag));
    this.unusual.replaceChildren(...this.otherwise(facts.unusual));
    this.findings.replaceChildren(...facts.findings.map((finding, n) => this.row(finding, n)));
    if (!facts.findings.length)
      this.findings.append(element("li", {}, "Nothing was found above these thresholds."));
    this.yes.setAttribute("aria-pressed", state.recall === "recall");
    this.no.setAttribute("aria-pressed", state.recall === "no_recall");
    for (const one of [this.yes, this.no]) one.disabled = !this.reader;
    this.back_out.disabled = !state.undo;
    this.keep.hidden = !this.words.value.trim();
    this.back_out.title = state.undo;
    this.stands.textContent = state.stands;
    const open = this.history.open;
    const said = state.history.map(({ reader, said: what, gone, when, shown }) =>
      element(
        "p",
        {},
        element("b", {}, reader),
        ` ${what}${gone ? " · taken back" : ""}`,
        element("small", {}, `${when} · ${shown}`),
      ),
    );
    this.history.replaceChildren(element("summary", {}, `History (${said.length})`), ...said);
    this.history.open = open;
    for (const made of this.actions) {
      const key = made.action && keyOf(this.viewer, made.action);
      if (key && !made.querySelector("kbd")) made.append(element("kbd", {}, key));
    }
    if (this.chosen >= 0 && this.card.pane && !this.box)
      this.ask(this.card.pane, facts.findings[this.chosen]);
    if (!this.leaving) delete this.element.dataset.busy;
    Object.assign(this.element.dataset, { study: facts.study, last: state.last });
  }

  /** In view of what the flag and the findings are, where that is not the usual; and the way back. */
  otherwise(unusual) {
    if (!unusual) return [];
    const back = pressed(unusual.back, "", () => this.tell("usual", String(Date.now())));
    return [...unusual.words.map((words) => element("p", {}, words)), back];
  }

  row(finding, n) {
    const given = this.verdict(finding);
    const dot = element("i", {});
    dot.style.background = this.viewer.colours[finding.type] ?? "";
    const made = element(
      "button",
      {
        type: "button",
        class: finding.type,
        "aria-pressed": String(n === this.chosen),
        title: [finding.size, finding.networks].filter(Boolean).join(", "),
      },
      dot,
      element("span", {}, `${finding.name} ${finding.kind}`),
      element("span", {}, finding.area),
      element("span", { title: "Probability" }, finding.probability.toFixed(2)),
      element(
        "span",
        { class: "given", title: given ? `${given.words}, by ${given.reader}` : "" },
        given ? MARKS[given.answer] : "",
      ),
    );
    made.addEventListener("click", () => this.choose(n));
    return element("li", {}, made);
  }

  destroy() {
    this.talk.stop();
    clearTimeout(this.ahead);
  }
}

const NETWORKS = "How many of the model's networks see half of the finding or more by themselves";
const MARKS = { agree: "✓", not_a_calcification: "✗", is_bac: "→ BAC", is_mc: "→ MC" };

function pressed(words, key, act, on = false) {
  const made = element("button", { type: "button", class: "act", "aria-pressed": String(on) }, words);
  if (key) made.append(element("kbd", {}, key));
  made.addEventListener("click", act);
  return made;
}

function flagOf(flag) {
  if (!flag) return [];
  const badge = element("span", { class: "badge", "data-colour": flag.colour, title: flag.help }, flag.words);
  badge.prepend(element("i", { class: "symbol", "aria-hidden": "true" }, flag.icon));
  const reasons = flag.reasons.map((words) => element("p", {}, words));
  return [
    element("div", { class: "verdict" }, badge, element("small", {}, flag.priority)),
    ...reasons,
    element("small", {}, flag.share),
  ];
}
