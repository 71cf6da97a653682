// Brings the viewer's bundle, which the browser keeps, and hands it each message.
export default function (component) {
  const root = component.parentElement.querySelector(".mtunet-viewer");
  const { height, below } = component.data; // said here so that the page does not jump when the program arrives
  root.style.height = below ? `max(${height}px, calc(100vh - ${below}px))` : `${height}px`;
  import(new URL(component.data.bundle, document.baseURI).href).then(
    // Streamlit runs this text from a blob: address
    (viewer) => viewer.show(root, component),
    () => {
      root.textContent = "The image viewer could not be loaded. Reload the page.";
    },
  );
  return () => root.dispatchEvent(new Event("mtunet-unmount"));
}
