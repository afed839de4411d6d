// Follows a job on a server that asks for tokens, with one that expires in mid-job.
//
//   SECRET=… node token.mjs <base URL> <site URL>
//
// The package must be built. The site must keep its last pages back until this prints "another token", so that the job lasts that long.
// DEADLINE_SECONDS bounds it (120 if unset). Exit code 0 when everything held, 1 with a message at the first thing that did not.
import { strict as assert } from "node:assert";
import { createHmac, randomUUID } from "node:crypto";
import { createClient } from "../../dist/index.js";

const [baseUrl, url] = process.argv.slice(2);
const secret = process.env.SECRET;
if (!baseUrl || !url || !secret) {
  console.error("usage: SECRET=… node token.mjs <base URL> <site URL>");
  process.exit(2);
}
const brand_id = randomUUID();
const signal = AbortSignal.timeout(Number(process.env.DEADLINE_SECONDS ?? 120) * 1000);

/** How long the first token lives, in seconds; the server's leeway of five comes on top. */
const SHORT = 1;

const refusals = [];
const client = createClient({
  baseUrl,
  token(refused) {
    refusals.push(refused?.status ?? null);
    if (refused === null) return mint(SHORT);
    console.log("another token");
    return mint(3600);
  },
});

const started = await client.start({ brand_id, job_type: "brand_intelligence", input_data: { url } }, { signal });
const seqs = [];
const resumes = [];
const onEvent = (event) => {
  if (event.type === "sync") resumes.push(event.resume);
  else if (event.type !== "snapshot") seqs.push(event.seq);
};
const job = await client.watch(started.job_id, { onEvent, signal });

assert.equal(job.status, "completed");
assert.deepEqual(refusals, [null, 401], "the token was asked for anew once, when it had expired");
assert.deepEqual(resumes, ["start", "exact"], "the stream went on where it was");
assert.ok(seqs[0] === 1 && seqs.at(-1) === job.last_seq && seqs.every((seq, index) => index === 0 || seq > seqs[index - 1]), `the events came as ${seqs}`);
assert.equal((await client.result(job.id, { signal })).status, "completed");

// A page without a token of its own has that of the job.
const stranger = createClient({ baseUrl });
assert.equal((await stranger.watch(job.id, { eventsUrl: started.events_url, signal })).status, "completed");
await assert.rejects(stranger.watch(job.id, { signal }), { status: 401 });
await assert.rejects(client.watchBrand(randomUUID(), { signal }), { status: 404 });
console.log("the client works with tokens");

function mint(seconds) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { exp: Math.floor(Date.now() / 1000) + seconds, brands: [brand_id], scope: "jobs:read jobs:write" };
  const message = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${message}.${createHmac("sha256", secret).update(message).digest("base64url")}`;
}
