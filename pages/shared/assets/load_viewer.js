// src/parts/load_viewer.js
function load_viewer_default(component) {
  const root = component.parentElement.querySelector(".mtunet-viewer");
  const { height, desk } = component.data;
  if (!desk) root.style.height = `${height}px`;
  else if (!root.dataset.fills) fill(root, height);
  import(new URL(component.data.bundle, document.baseURI).href).then(
    // Streamlit runs this text from a blob: address
    (viewer) => viewer.show(root, component),
    () => {
      root.textContent = "The image viewer could not be loaded. Reload the page.";
    }
  );
  return () => root.dispatchEvent(new Event("mtunet-unmount"));
}
function fill(root, least) {
  root.dataset.fills = "yes";
  let page = root.getRootNode().host;
  while (page && !/auto|scroll/.test(getComputedStyle(page).overflowY)) page = page.parentElement;
  page ??= document.documentElement;
  let under = 2;
  for (let each = root.getRootNode().host; each !== page; each = each.parentElement) {
    if (parseFloat(getComputedStyle(each).paddingLeft) > 24) {
      Object.assign(each.style, { paddingInline: "1rem", paddingBottom: "0.5rem" });
      root.addEventListener("mtunet-unmount", () => each.style.removeProperty("padding-inline"), {
        once: true
      });
    }
  }
  for (let each = root.getRootNode().host; each !== page; each = each.parentElement)
    under += parseFloat(getComputedStyle(each).paddingBottom);
  const measure = () => {
    const top = root.getBoundingClientRect().top - page.getBoundingClientRect().top + page.scrollTop;
    const height = `${Math.max(least, Math.floor(page.clientHeight - top - under))}px`;
    if (root.style.height !== height) root.style.height = height;
  };
  root.style.height = `${least}px`;
  measure();
  const watch = new ResizeObserver(measure);
  for (const each of [page, page.firstElementChild]) each && watch.observe(each);
  root.addEventListener("mtunet-unmount", () => watch.disconnect(), { once: true });
}
export {
  load_viewer_default as default
};
