// Icons of the toolbar, drawn for it: 20 × 20, stroked in the colour of the text.
const icon = (inside) =>
  `<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"
   stroke-linejoin="round" aria-hidden="true">${inside}</svg>`;

export const ICONS = {
  fit: icon(
    '<rect x="2.5" y="3.5" width="15" height="13" rx="2"/><path d="M8 13.5c-2-2-2-5 0-7M12.5 6.500c2 2 2 5 0 7"/>',
  ),
  native: icon(
    '<path d="M3.5 7 5.5 5.500v9M14.5 7l2-1.500v9"/><path d="M10.5 8v.01M10.5 12v.01" stroke-width="2.2"/>',
  ),
  zoomIn: icon('<circle cx="8.5" cy="8.5" r="5.5"/><path d="M12.7 12.7 17.5 17.500M8.5 6v5M6 8.500h5"/>'),
  zoomOut: icon('<circle cx="8.5" cy="8.5" r="5.5"/><path d="M12.7 12.7 17.5 17.500M6 8.500h5"/>'),
  reset: icon('<path d="M4 10a6 6 0 1 0 2-4.5"/><path d="M6.5 2.500v3.500h3.5"/>'),
  invert: icon(
    '<circle cx="10" cy="10" r="7"/><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" stroke="none"/>',
  ),
  calcium: icon(
    '<circle cx="10" cy="10" r="7"/><path d="M8 8v.01M12 7.5v.01M10.500 11v.01M7.5 12.500v.01M13 12v.01" stroke-width="2.2"/>',
  ),
  panel: icon(
    '<rect x="2.5" y="3.5" width="15" height="13" rx="2"/><path d="M12.5 3.500v13M14.500 7h1M14.500 10h1"/>',
  ),
  lens: icon(
    '<circle cx="8.5" cy="8.5" r="6"/><path d="M13 13l4.5 4.5" stroke-width="2.6"/><path d="M5.5 8a3 3 0 0 1 2.5-2.5"/>',
  ),
  measure: icon(
    '<path d="M2.5 13.5 13.5 2.500l4 4-11 11z"/><path d="M6 10l1.5 1.500M8.5 7.5 10.5 9.500M11 5l1.5 1.5"/>',
  ),
  link: icon(
    '<path d="M8.5 11.500a3 3 0 0 0 4.3 0l3-3a3 3 0 0 0-4.3-4.300l-1 1"/><path d="M11.5 8.500a3 3 0 0 0-4.3 0l-3 3a3 3 0 0 0 4.3 4.300l1-1"/>',
  ),
  mark: icon(
    '<rect x="3.5" y="4.5" width="13" height="11" stroke-dasharray="3 2"/><path d="M10 7.5v5M7.5 10h5"/>',
  ),
  grid: icon('<rect x="3" y="3" width="14" height="14" rx="1"/><path d="M10 3v14M3 10h14"/>'),
  full: icon('<path d="M3 7.500V3h4.500M12.5 3H17v4.500M17 12.500V17h-4.500M7.5 17H3v-4.5"/>'),
  help: icon(
    '<rect x="2" y="5" width="16" height="10" rx="2"/><path d="M5 8.300v.01M8.3 8.300v.01M11.7 8.300v.01M15 8.300v.01M6.5 12h7"/>',
  ),
};
