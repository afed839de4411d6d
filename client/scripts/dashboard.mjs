// Bundles the client for the dashboard, which takes it as one module without React. `npm run build:dashboard` writes
// `static/client.js`, so that `cargo build` needs no npm; with `--check` it only says whether that file is the current build.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const TARGET = fileURLToPath(new URL("../../static/client.js", import.meta.url));
const BANNER = "// Built from client/src by `npm run build:dashboard` in client/. Do not edit.";

const current = await bundle();
if (!process.argv.includes("--check")) {
  await writeFile(TARGET, current);
} else if ((await readFile(TARGET, "utf8")) !== current) {
  console.error("static/client.js is not the current build of client/src: run `npm run build:dashboard` in client/ and commit it.");
  process.exitCode = 1;
}

// Not minified: it is read in reviews and in the browser's debugger.
async function bundle() {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    entryPoints: ["src/index.ts"],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: BANNER },
    logLevel: "warning",
  });
  return outputFiles[0].text;
}
