// Table I as buttons; the line under it says the rest of the one that is pointed at.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".results");
  const text = JSON.stringify(data);
  if (root.dataset.shown === text) return; // the same again: whoever has the focus keeps it
  root.dataset.shown = text;
  const make = (name, text, className) => {
    const node = document.createElement(name);
    if (text) node.textContent = text;
    if (className) node.className = className;
    return node;
  };
  const table = make("table");
  const said = make("div", data.hint, "said");
  said.setAttribute("aria-live", "polite");
  const head = make("tr");
  head.append(make("th", "Method", "method"), make("th", "Type", "type"));
  for (const column of data.columns) {
    const cell = make("th", column.title);
    cell.title = column.tip;
    cell.scope = "col";
    head.append(cell);
  }
  const top = make("thead");
  top.append(head);
  const body = make("tbody");
  let before = null;
  for (const row of data.rows) {
    const line = make("tr", "", row.method === before ? "" : "first");
    const name = make("th", row.method === before ? "" : row.method, "method");
    if (row.method === before) name.setAttribute("aria-label", row.method);
    before = row.method;
    const type = make("th", row.type, "type");
    type.scope = "row";
    line.append(name, type);
    for (const cell of row.cells) {
      if (!cell.key) {
        line.append(make("td", cell.value, "none"));
        continue;
      }
      const button = make("button", cell.value, cell.best ? "best" : "");
      if (cell.small) button.append(make("small", cell.small));
      button.title = cell.tip;
      button.setAttribute(
        "aria-label",
        `${cell.tip}${cell.best ? " The best of ours." : ""} Show the images of ${button.textContent}`,
      );
      const say = () => {
        said.textContent = cell.tip;
      };
      button.addEventListener("mouseenter", say);
      button.addEventListener("focus", say);
      button.addEventListener("click", () => setTriggerValue("cell", cell.key));
      const box = make("td");
      box.append(button);
      line.append(box);
    }
    body.append(line);
  }
  table.append(top, body);
  root.replaceChildren(table, said);
}
