// src/parts/projector.js
var FORCED = "mtunet-projector-forced-dark";
var WORD = "embed_options";
function projector_default(component) {
  const { on, dark } = component.data;
  const address = new URL(window.location.href);
  const asked = address.searchParams.get(WORD) === "dark_theme";
  if (on && !dark && !asked) {
    sessionStorage.setItem(FORCED, "yes");
    address.searchParams.set("projector", "on");
    address.searchParams.set(WORD, "dark_theme");
    window.location.replace(address);
  } else if (!on && sessionStorage.getItem(FORCED)) {
    sessionStorage.removeItem(FORCED);
    address.searchParams.delete("projector");
    address.searchParams.delete(WORD);
    window.location.replace(address);
  }
}
export {
  projector_default as default
};
