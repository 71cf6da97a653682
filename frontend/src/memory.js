// What a person set is kept while the browser tab lives, also when Streamlit takes the viewer off the page and back.
const kept = new Map();

/** Keep `value` under the viewer's key and a name. */
export function remember(key, name, value) {
  kept.set(`${key}\n${name}`, value);
}

/** What was kept, or undefined. */
export function recall(key, name) {
  return kept.get(`${key}\n${name}`);
}
