// Writes `src/openapi.ts` from `openapi.json`, the nouns of the server's own description of what it takes and sends.
//
//   node types.mjs                  writes it anew
//   node types.mjs --check          fails if it is not what the description gives
//   node types.mjs URL              fetches the description from a running server first
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const description = new URL("../openapi.json", import.meta.url);
const types = new URL("../src/openapi.ts", import.meta.url);
const HEAD = "// Made from openapi.json by `npm run types`; what is changed here by hand is lost.\n\n";

const [argument] = process.argv.slice(2);
if (argument !== undefined && argument !== "--check") {
  const answer = await fetch(new URL("/openapi.json", argument));
  if (!answer.ok) throw new Error(`${argument} has no description of itself: status ${answer.status}`);
  writeFileSync(description, `${JSON.stringify(nounsOf(await answer.json()), null, 1)}\n`);
}
const wanted = await typesOf(JSON.parse(readFileSync(description, "utf8")));
if (argument !== "--check") writeFileSync(types, wanted);
else if (readFileSync(types, "utf8") !== wanted) {
  console.error(`${fileURLToPath(types)} is not what openapi.json gives: run \`npm run types\``);
  process.exitCode = 1;
}

/** The client has verbs of its own. */
function nounsOf({ openapi, info: { title }, components: { schemas } }) {
  return { openapi, info: { title, version: "" }, paths: {}, components: { schemas } };
}

async function typesOf(nouns) {
  for (const schema of Object.values(nouns.components.schemas)) delete schema.example;
  // What has a default may be left out of a request.
  const nodes = await openapiTS(nouns, { defaultNonNullable: false });
  return HEAD + astToString(nodes);
}
