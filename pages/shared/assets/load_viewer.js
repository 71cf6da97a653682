// src/parts/load_viewer.js
function load_viewer_default(component) {
  const root = component.parentElement.querySelector(".mtunet-viewer");
  const { height, below } = component.data;
  root.style.height = below ? `max(${height}px, calc(100vh - ${below}px))` : `${height}px`;
  import(new URL(component.data.bundle, document.baseURI).href).then(
    // Streamlit runs this text from a blob: address
    (viewer) => viewer.show(root, component),
    () => {
      root.textContent = "The image viewer could not be loaded. Reload the page.";
    }
  );
  return () => root.dispatchEvent(new Event("mtunet-unmount"));
}
export {
  load_viewer_default as default
};
