// Drives the dashboard of a server that asks for tokens: signing in, a token that expires in mid-job, signing out.
//
//   SECRET=… node access.mjs <base URL> <site URL>
//
// The site must keep its last pages back until this prints "signed in again", so that the job lasts that long. CHROMIUM
// and DEADLINE_SECONDS as in dashboard.mjs. Exit code 0 when everything held, 1 with a message at the first thing that did not.
import { createHmac, randomUUID } from "node:crypto";
import { JOB, STEP, check, focusByTab, inABrowser, isFocused, keepsToItsOrigin, until, watchTheBrowser } from "./person.mjs";

const [baseText, site] = process.argv.slice(2);
const secret = process.env.SECRET;
if (!baseText || !site || !secret) {
  console.error("usage: SECRET=… node access.mjs <base URL> <site URL>");
  process.exit(2);
}
const base = new URL("/", baseText);
const brand = randomUUID();

/** How long the token lives that expires in mid-job, in seconds; the server's leeway of five comes on top. */
const SHORT = 5;

await inABrowser("the dashboard asks for tokens and works with them", async (browser) => {
  const context = await browser.newContext();
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  watchTheBrowser(page, base);
  page.expectsNoToken = true;
  const streams = noteStreams(page);

  await asksForAToken(page);
  await canBeDeclined(page);
  await saysWhatIsWrong(page);
  const first = await signsIn(page);
  await startsAJob(page, streams, first);
  await asksAgainWhenTheTokenExpires(page, streams);
  console.log("signed in again");
  await reachesTheResult(page);
  await signsOut(page);
  await keepsToItsOrigin(page);
});

function mint(seconds) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { exp: Math.floor(Date.now() / 1000) + seconds, brands: [brand], scope: "jobs:read jobs:write" };
  const message = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${message}.${createHmac("sha256", secret).update(message).digest("base64url")}`;
}

/** The requests for event streams that the page makes, in order. */
function noteStreams(page) {
  const streams = [];
  page.on("request", (request) => {
    if (new URL(request.url()).pathname.endsWith("/events")) streams.push(request);
  });
  return streams;
}

async function wasOpenedWith(request, token) {
  check(await request.headerValue("authorization") === `Bearer ${token}`, "the stream was not opened with the token");
  check(!request.url().includes("access_token"), "the token stands in the address of a stream");
}

async function enter(page, token) {
  await page.locator("#token-input").fill(token);
  await page.keyboard.press("Enter");
}

async function asksForAToken(page) {
  await page.goto(base.href);
  await page.locator("#token-dialog").waitFor();
  check(await isFocused(page, "token-input"), "the field for the token does not have the focus");
  check(await page.locator("#token-input").getAttribute("type") === "password", "the token can be read over a shoulder");
  check(/JWT/.test(await page.locator("#token-dialog").innerText()), "the dialog does not say what kind of token it wants");
  check(await page.locator("#token-error").isHidden(), "an error is shown before anything was entered");
}

async function canBeDeclined(page) {
  await page.keyboard.type("half a tok");
  await page.keyboard.press("Escape");
  await page.locator("#token-dialog").waitFor({ state: "hidden" });
  await page.locator("#session-button").waitFor();
  check(await page.locator("#session-button").innerText() === "Sign in", "there is no way back to signing in");
  await until(page, "the page to say that a token is needed", () => /token/.test(document.getElementById("types-error").textContent));
  await focusByTab(page, "session-button");
  await page.keyboard.press("Enter");
  await page.locator("#token-dialog").waitFor();
}

async function saysWhatIsWrong(page) {
  await enter(page, "garbage");
  await until(page, "the server's words about a token that is none", () => {
    return document.getElementById("token-dialog").open && /HS256/.test(document.getElementById("token-error").textContent);
  });
  check(await page.locator("#token-input").inputValue() === "", "the wrong token is still in the field");
}

async function signsIn(page) {
  const token = mint(3600);
  await enter(page, `Bearer ${token}`);
  await page.locator("#input-url").waitFor();
  check(await page.locator("#token-dialog").isHidden(), "the dialog is still there");
  check(await page.locator("#brand-id").innerText() === brand, "the page does not work for the token's brand");
  check(await page.locator("#session-button").innerText() === "Sign out", "there is no way to sign out");
  const kept = await page.evaluate(() => [Object.values(sessionStorage), JSON.stringify(localStorage), location.href, document.cookie]);
  check(kept[0].includes(token), "the tab does not keep the token");
  check(!kept.slice(1).some((text) => text.includes(token)), "the token is kept where it outlives the tab");
  return token;
}

async function startsAJob(page, streams, token) {
  await page.locator("#input-url").fill(site);
  await page.locator("#start-submit").click();
  await page.waitForURL(/#\/jobs\/.+/);
  await isLive(page);
  await wasOpenedWith(streams.at(-1), token);
  await copiesNoToken(page, token);
}

async function copiesNoToken(page, token) {
  await page.locator("#tab-requests").click();
  const commands = await page.locator("#command-list pre").allTextContents();
  check(commands.length >= 5 && commands.every((command) => command.includes('-H "Authorization: Bearer $TOKEN"')), `the commands are ${commands}`);
  check(!(await page.content()).includes(token), "the token can be read on the page");
}

async function isLive(page) {
  await until(page, "the stream to be live", () => document.getElementById("job-connection").dataset.connection === "live", JOB);
}

async function asksAgainWhenTheTokenExpires(page, streams) {
  await page.locator("#session-button").click();
  await page.locator("#token-dialog").waitFor();
  const short = mint(SHORT);
  await enter(page, short);
  await isLive(page);
  await wasOpenedWith(streams.at(-1), short);
  await page.locator("#tab-events").click();
  await until(page, "the history", () => document.querySelectorAll("#log-rows .log-id").length > 1);
  await until(page, "the dialog to say that the token has expired", () => {
    return document.getElementById("token-dialog").open && /expired/.test(document.getElementById("token-error").textContent);
  }, JOB);
  const before = await lastEvent(page);
  const next = mint(3600);
  await enter(page, next);
  await isLive(page);
  const stream = streams.at(-1);
  await wasOpenedWith(stream, next);
  // More may have come since.
  const [resumed, after] = [Number(new URL(stream.url()).searchParams.get("last_event_id")), await lastEvent(page)];
  check(before <= resumed && resumed <= after, `it went on after ${resumed}, not after ${before} to ${after}`);
}

async function lastEvent(page) {
  return Number(await page.locator("#log-rows .log-id").last().textContent());
}

async function reachesTheResult(page) {
  await until(page, "the result", () => document.querySelector("#outcome .result-name") !== null, JOB);
  const ids = (await page.locator("#log-rows .log-id").allTextContents()).map(Number);
  check(ids.every((id, index) => index === 0 || id > ids[index - 1]), `events came twice or out of order: ${ids}`);
  check(ids[0] === 1, `the history began at ${ids[0]}`);
  await page.getByRole("link", { name: "All jobs" }).click();
  await page.locator("#job-list a").first().waitFor();
}

async function signsOut(page) {
  await page.locator("#session-button").click();
  await page.locator("#token-dialog").waitFor();
  check(await page.locator("#job-list a").count() === 0, "the jobs are still shown");
  check(await page.evaluate(() => sessionStorage.length) === 0, "the tab still keeps the token");
}
