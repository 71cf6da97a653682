// The projector loads a light page once more with Streamlit's own word for the dark theme, and back.
const FORCED = "mtunet-projector-forced-dark";
const WORD = "embed_options";

export default function (component) {
  const { on, dark } = component.data;
  const address = new URL(window.location.href);
  const asked = address.searchParams.get(WORD) === "dark_theme";
  if (on && !dark && !asked) {
    sessionStorage.setItem(FORCED, "yes");
    address.searchParams.set("projector", "on"); // the address may not have it yet
    address.searchParams.set(WORD, "dark_theme");
    window.location.replace(address);
  } else if (!on && sessionStorage.getItem(FORCED)) {
    sessionStorage.removeItem(FORCED);
    address.searchParams.delete("projector");
    address.searchParams.delete(WORD);
    window.location.replace(address);
  }
}
