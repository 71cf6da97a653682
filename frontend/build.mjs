// Builds src/ into pages/shared/assets: the viewer as viewer-<hash>.js, the hash being of its content, with the licences
// of what it contains beside it; and each of src/parts under its own name. Run with `npm ci && npm run build`; the same sources and lock give the same bytes.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const assets = join(here, "..", "pages", "shared", "assets");

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
};
const result = await build({
  ...common,
  entryPoints: ["src/index.js"],
  loader: { ".css": "text" },
  banner: {
    js: "/*! The mammogram viewer. Contains OpenLayers (BSD-2-Clause) and others: see LICENSES.txt beside it. */",
  },
  metafile: true,
  write: false,
});

const code = result.outputFiles[0].contents;
const name = `viewer-${createHash("sha256").update(code).digest("hex").slice(0, 12)}.js`;
mkdirSync(assets, { recursive: true });
for (const old of readdirSync(assets)) rmSync(join(assets, old));
writeFileSync(join(assets, name), code);
writeFileSync(join(assets, "LICENSES.txt"), licences(Object.keys(result.metafile.inputs)));
await build({
  ...common,
  minify: false, // Streamlit takes a text of one line for a path
  entryPoints: readdirSync(join(here, "src", "parts")).map((part) => join("src", "parts", part)),
  outdir: assets,
});
console.log(`${name}  ${(code.length / 1024).toFixed(0)} kB`);

/** The licence texts of every package that went into the bundle. */
function licences(inputs) {
  const packages = new Set(
    inputs.map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean),
  );
  const texts = [...packages].sort().map((pack) => {
    const folder = join(here, "node_modules", pack);
    const facts = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = ["LICENSE.md", "LICENSE", "LICENSE.txt", "license"].find((n) => existsSync(join(folder, n)));
    if (!file) throw new Error(`${pack} has no licence file.`);
    const text = readFileSync(join(folder, file), "utf8").trim();
    return `${pack} ${facts.version} (${facts.license})\n\n${text}\n`;
  });
  return `The viewer's bundle contains these packages.\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`;
}
