// Checks everything about the package that needs no server and no browser: types, tests, and what would be published.
//
//   node check.mjs            leaves `dist` and the React example built
//
// Exit code 0 when everything held; else the first thing that did not is told.
import { Package, checkPackage } from "@arethetypeswrong/core";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const root = fileURLToPath(new URL("..", import.meta.url));
const at = (path) => join(root, path);
const bin = (name) => at(`node_modules/.bin/${name}`);

run("the types are those of openapi.json", process.execPath, "scripts/types.mjs", "--check");
run("the sources and tests have no type error", bin("tsc"), "--noEmit");
run("the package is built", process.execPath, "scripts/build.mjs");
run("the React example has no type error", bin("tsc"), "-p", "examples/react/tsconfig.json");
run("the React example is built", bin("vite"), "build", "--logLevel", "warn", at("examples/react"));
run("the tests pass", bin("vitest"), "run");
hasNoDependencies();
coreStandsAlone();
examplesAreTheGuides();
lockNamesNoHost();
await isFitToPublish();
console.log("the package is as it should be");

/** Runs a program to its end; answers with what it printed. */
function run(what, command, ...parameters) {
  const { status, error, stdout } = spawnSync(command, parameters, { cwd: root, stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", env: { ...process.env, CI: "true" } });
  if (status !== 0) fail(`not so: ${what} (${error?.message ?? `exit code ${status}`})\n${stdout}`);
  return stdout;
}

function hasNoDependencies() {
  const { dependencies, peerDependencies, peerDependenciesMeta, sideEffects } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  if (dependencies !== undefined) fail(`the package depends on ${Object.keys(dependencies)}`);
  if (Object.keys(peerDependencies).join() !== "react" || peerDependenciesMeta.react.optional !== true) fail("React is not the one, optional peer");
  if (sideEffects !== false) fail("the package says that it has side effects");
}

/** Nothing of the core leads to React or to anything outside of the package. */
function coreStandsAlone() {
  for (const name of readdirSync(at("dist")).filter((file) => /\.(js|d\.ts)$/.test(file))) {
    for (const [, from] of readFileSync(at(`dist/${name}`), "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      if (!/^\.\/[a-z-]+\.js$/.test(from)) fail(`dist/${name} imports ${from}`);
    }
  }
}

/** The guide's component works with the import line changed and nothing else, but that it is exported to be used. */
function examplesAreTheGuides() {
  const guide = readFileSync(at("test/guide/CompetitorAnalysisButton.txt"), "utf8").replace("'@/hooks/useBackgroundJob'", "'@jobcast/client/react'");
  const example = readFileSync(at("examples/react/src/CompetitorAnalysisButton.tsx"), "utf8");
  if (example !== `${guide}\nexport default CompetitorAnalysisButton\n`) fail("the React example's CompetitorAnalysisButton is not the guide's");
}

/** Packages are found by name, version and checksum, wherever the one who installs has them from. */
function lockNamesNoHost() {
  const { packages } = JSON.parse(readFileSync(at("package-lock.json"), "utf8"));
  for (const [name, { resolved, link }] of Object.entries(packages)) {
    if (resolved !== undefined && link !== true) fail(`package-lock.json says where it had ${name} from: take "resolved" out`);
  }
}

async function isFitToPublish() {
  const folder = mkdtempSync(join(tmpdir(), "jobcast-pack-"));
  try {
    const [{ filename, files, name, version }] = JSON.parse(run("the package can be packed", "npm", "pack", "--json", "--ignore-scripts", "--pack-destination", folder));
    for (const wanted of ["README.md", "LICENSE", "dist/index.js", "dist/react/index.d.ts"]) {
      if (!files.some(({ path }) => path === wanted)) fail(`the package would be published without ${wanted}`);
    }
    const { messages, pkg } = await publint({ pack: { tarball: Uint8Array.from(readFileSync(join(folder, filename))).buffer }, strict: true });
    if (messages.length > 0) fail(`publint: ${messages.map((message) => formatMessage(message, pkg)).join("\n")}`);
    await hasRightTypes(new Package(Object.fromEntries(files.map(({ path }) => [`/node_modules/${name}/${path}`, readFileSync(at(path))])), name, version));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The package has modules alone: whoever requires it, or resolves as Node.js 10 did, is told so. */
async function hasRightTypes(published) {
  const { problems, entrypoints } = await checkPackage(published);
  if (problems === undefined) fail("are-the-types-wrong: there are no types");
  const relevant = problems.filter((problem) => !/^node(10|16-cjs)$/.test(problem.resolutionKind ?? ""));
  if (relevant.length > 0) fail(`are-the-types-wrong: ${JSON.stringify(relevant, null, 1)}`);
  if (!["." , "./react"].every((entry) => entry in entrypoints)) fail(`are-the-types-wrong saw ${Object.keys(entrypoints)} alone`);
}

function fail(message) {
  console.error(`FAILED: ${message}`);
  process.exit(1);
}
