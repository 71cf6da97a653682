// src/parts/row_keys.js
var state = window.mtunetRows ??= { prefix: "", suffix: "", chosen: null, style: null, listening: false };
function name(row) {
  return [...row.classList].find((one) => one.startsWith(state.prefix) && one.endsWith(state.suffix));
}
function rows() {
  const found = [...document.querySelectorAll(`[class*="${state.prefix}"]`)].map(name).filter(Boolean);
  return [...new Set(found)];
}
function choose(row) {
  state.chosen = row;
  if (!state.style?.isConnected) {
    state.style = document.createElement("style");
    document.head.appendChild(state.style);
  }
  state.style.textContent = `.${row} { outline: 2px solid var(--st-primary-color, #0f6b7a); outline-offset: 1px; }`;
  state.style.dataset.chosen = row;
  document.querySelector("." + row)?.scrollIntoView({ block: "nearest" });
  document.activeElement?.blur();
}
function open(row, looks = 40) {
  const link = document.querySelector(`.${row} a[href]`);
  if (link) link.click();
  else if (looks > 1 && row === state.chosen) setTimeout(open, 50, row, looks - 1);
}
var WRITTEN_IN = "input:not([type=file]), textarea, select, [role=dialog], [role=menu]";
function typing(target) {
  return target?.isContentEditable || target?.closest?.(WRITTEN_IN);
}
function press(event) {
  const inside = event.composedPath()[0];
  if (event.ctrlKey || event.metaKey || event.altKey || typing(inside)) return;
  const all = rows();
  const at = all.indexOf(state.chosen);
  const key = event.key.toLowerCase();
  if (all.length && (key === "j" || key === "k")) {
    choose(all[key === "j" ? Math.min(at + 1, all.length - 1) : Math.max(at - 1, 0)]);
    event.preventDefault();
  } else if (key === "enter" && at >= 0 && !inside.closest?.("a, button, [role=button], [role=radio]")) {
    open(state.chosen);
    event.preventDefault();
  }
}
function row_keys_default(component) {
  Object.assign(state, component.data);
  if (!state.listening) {
    state.listening = true;
    document.addEventListener("keydown", press);
  }
}
export {
  row_keys_default as default
};
