// Drives the page of a job of a running `jobcast demo` in Chromium through what happens to jobs and to networks.
//
//   node job-page.mjs <base URL> <site URL>
//
// The site must keep its last pages back until this prints "open the site", so that its jobs run that long. CHROMIUM and
// DEADLINE_SECONDS as in dashboard.mjs. Exit code 0 when everything held, 1 with a message at the first thing that did not.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openLine } from "./line.mjs";
import { JOB, STEP, check, focusByTab, inABrowser, isFocused, keepsToItsOrigin, startJob, until, watchTheBrowser } from "./person.mjs";

const [serverText, site] = process.argv.slice(2);
if (!serverText || !site) {
  console.error("usage: node job-page.mjs <base URL> <site URL>");
  process.exit(2);
}
const server = new URL("/", serverText);
const line = await openLine(server);
const BRAND = "3f0c9a52-7d1e-4b64-9c5e-0a6f2f1f7b11";

await inABrowser("the page of a job does what it should", async (browser) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1400 }, colorScheme: "light" });
  context.setDefaultTimeout(STEP);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await open(context);

  await copiesAStartForAShell(page);
  const job = await startJob(server, BRAND, "brand_intelligence", { url: site });
  await show(page, job);
  await isConnected(page, "live");
  await showsFrames(page, job);
  await copiesCommands(page, job);
  const second = await followsInTwoTabs(context, page, job);
  await goesOnAfterBeingOffline(context, page);
  await cancelsInBothTabs(page, second);
  await second.close();
  await retriesTheCancelled(page);
  await voidsTheTextOfAFailedAttempt(page);
  await failsAndIsRetriedByKeyboard(page);
  await saysThatThereIsNoSuchJob(page);
  await keepsToItsOrigin(page);
});

// ---- What must hold ----

// Whatever is written into the form stays text in the shell.
async function copiesAStartForAShell(page) {
  const words = "Grandma's \"tea\" drinkers $HOME `id` $(id) \\ fault=claude:refusal";
  await page.locator("#job-type").selectOption("target_audiences");
  await page.locator("#input-audience_description").fill(words);
  await page.locator("#start-copy").click();
  await until(page, "the button to say so", () => document.getElementById("start-copy").textContent === "Copied");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const { stdout } = await promisify(execFile)("sh", ["-c", copied], { env: { ...process.env, no_proxy: "*" }, timeout: STEP });
  const { job_id: job } = JSON.parse(stdout);
  const { input_data: input } = (await (await fetch(new URL(`/api/jobs/${job}/status`, server))).json()).job;
  check(input.audience_description === words, `the shell started a job for ${input.audience_description}`);
}

async function showsFrames(page, job) {
  await page.locator("#tab-frames").click();
  await until(page, "the frames of the stream", () => document.querySelectorAll("#frame-rows .frame-event").length >= 4);
  const frames = await framesOf(page);
  const sync = frames.find(({ name }) => name === "sync");
  check(JSON.parse(sync.data).job.id === job && sync.id === "0", `the first frame is ${JSON.stringify(sync)}`);
  check(frames.some(({ kind, name }) => kind === "frame-connection" && name === "live"), "the debugger does not say when the stream began");
  const ids = frames.filter(({ kind, name }) => kind === "frame-event" && name !== "sync").map(({ id }) => Number(id));
  check(ids[0] === 1 && ids.every((id, index) => index === 0 || id > ids[index - 1]), `the ids are ${ids}`);
}

async function copiesCommands(page, job) {
  await page.locator("#tab-requests").click();
  const commands = await page.locator("#command-list pre").allTextContents();
  for (const path of ["/api/jobs/start", "/status", "/events", "/result", "/cancel", "/retry"]) {
    check(commands.some((command) => command.startsWith("curl -s") && command.includes(`${line.url.origin}${path === "/api/jobs/start" ? path : `/api/jobs/${job}${path}`}'`)), `no command for ${path}: ${commands}`);
  }
  check(commands.every((command) => !command.includes("Authorization")), "a token is asked for where there is none");
  await page.getByRole("button", { name: "Copy as curl: Status" }).press("Enter");
  await until(page, "the button to say so", () => [...document.querySelectorAll("#command-list button")].some((button) => button.textContent === "Copied"));
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check(copied === commands.find((command) => command.includes("/status")), `copied was ${copied}`);
}

async function followsInTwoTabs(context, page, job) {
  const second = await open(context);
  await show(second, job);
  await isConnected(second, "live");
  await until(second, "to share the stream of the first tab", () => document.getElementById("job-connection").dataset.transport === "shared");
  check(page.streams.size + second.streams.size === 1, `two tabs hold ${page.streams.size + second.streams.size} streams`);
  return second;
}

async function goesOnAfterBeingOffline(context, page) {
  await page.locator("#tab-events").click();
  page.mayLoseConnection = true;
  for (const each of context.pages()) each.mayLoseConnection = true;
  line.cut();
  await context.setOffline(true);
  await isConnected(page, "reconnecting");
  check((await page.locator("#job-connection").getAttribute("title")).includes("lost"), "nothing is said of the lost connection");
  const before = await page.locator("#log-rows .log-id").allTextContents();
  line.mend();
  await context.setOffline(false);
  for (const each of context.pages()) await isConnected(each, "live", JOB);
  for (const each of context.pages()) each.mayLoseConnection = false;
  const after = await page.locator("#log-rows .log-id").allTextContents();
  check(String(after.slice(0, before.length)) === String(before), `the events were ${before} and are ${after}`);
}

async function cancelsInBothTabs(page, second) {
  await page.locator("#job-cancel").click();
  for (const each of [page, second]) {
    await hasStatus(each, "cancelled");
    await isConnected(each, "closed");
    check(await each.locator("#job-connection").innerText() === "Stream ended", "the badge does not say that the stream has ended");
    check(await each.locator("#job-retry").isVisible() && await each.locator("#job-cancel").isHidden(), "a cancelled job is not offered to be retried");
    const marks = await each.locator("#step-list [data-standing=cancelled]").count();
    check(marks === 1, `${marks} steps are shown as cancelled`);
  }
  await until(second, "the words about the cancelled job", () => /cancelled/.test(document.querySelector("#outcome").textContent));
  check(await second.locator("#tab-outcome").getAttribute("aria-selected") === "true", "the second tab does not show what became of the job");
}

async function retriesTheCancelled(page) {
  await page.locator("#job-retry").click();
  await isConnected(page, "live");
  console.log("open the site");
  await hasStatus(page, "completed");
  await page.locator("#outcome .result-name").waitFor();
  const attempts = await attemptsOf(page);
  check(attempts.length === 2, `the attempts are ${JSON.stringify(attempts)}`);
  check(attempts[0].outcome === "cancelled" && /^cancelled after \d/.test(attempts[0].words), `the first attempt is ${JSON.stringify(attempts[0])}`);
  check(attempts[1].outcome === "completed" && /put back by hand/.test(attempts[1].words), `the second attempt is ${JSON.stringify(attempts[1])}`);
}

// The text that a failed attempt has written is struck out until the next one writes.
async function voidsTheTextOfAFailedAttempt(page) {
  const job = await startJob(server, BRAND, "target_audiences", { audience_description: "Tea drinkers fault=claude:reset*1" });
  await page.evaluate(() => {
    window.texts = [];
    const box = document.getElementById("model-text");
    const note = () => window.texts.push({ isVoid: box.classList.contains("void"), length: box.textContent.length });
    window.noteTexts = new MutationObserver(note);
    window.noteTexts.observe(box, { attributeFilter: ["class"], childList: true, characterData: true, subtree: true });
  });
  await show(page, job);
  await hasStatus(page, "completed");
  const texts = await page.evaluate(() => {
    window.noteTexts.disconnect();
    return window.texts;
  });
  const at = texts.findIndex(({ isVoid, length }) => isVoid && length > 0);
  check(at > 0, "the text of the failed attempt was not voided");
  const next = texts.slice(at).find(({ isVoid }) => !isVoid);
  check(next !== undefined && next.length < texts.at(-1).length, `the next attempt did not write anew: ${JSON.stringify(next)}`);
  const attempts = await attemptsOf(page);
  check(attempts.length === 2 && attempts[0].outcome === "failed" && attempts[1].outcome === "completed", `the attempts are ${JSON.stringify(attempts)}`);
  check((await page.locator("#step-list .attempt-error").innerText()).length > 10, "it is not said why the first attempt failed");
  check(await page.locator("#step-list .step-latest", { hasText: "Kept from attempt 1" }).count() === 1, "it is not said which step was kept");
}

async function failsAndIsRetriedByKeyboard(page) {
  const job = await startJob(server, BRAND, "target_audiences", { audience_description: "Tea drinkers fault=claude:refusal*1" });
  await show(page, job);
  await hasStatus(page, "failed");
  check(/declined|refus/i.test(await page.locator("#outcome").innerText()), `it is not said why: ${await page.locator("#outcome").innerText()}`);
  check(/declined|refus/i.test(await page.locator("#job-detail").innerText()), "the reason is not beside the bar");
  await focusByTab(page, "job-retry");
  await page.keyboard.press("Enter");
  await until(page, "the job to run again", () => document.querySelectorAll("#step-list .attempt").length === 2);
  check(await isFocused(page, "job-title"), "the focus was lost with the button");
  await hasStatus(page, "completed");
  await movesBetweenTabsByKeyboard(page);
}

async function movesBetweenTabsByKeyboard(page) {
  await focusByTab(page, "tab-outcome");
  await page.keyboard.press("End");
  check(await isFocused(page, "tab-frames") && await page.locator("#panel-frames").isVisible(), "End does not lead to the last tab");
  await page.keyboard.press("ArrowRight");
  check(await isFocused(page, "tab-outcome") && await page.locator("#panel-outcome").isVisible(), "the tabs do not go round");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  check(await isFocused(page, "tab-requests") && await page.locator("[role=tabpanel]:visible").count() === 1, "there is not one panel");
  const reachable = await page.locator("#job-tabs [role=tab]").evaluateAll((tabs) => tabs.filter((tab) => tab.tabIndex === 0).length);
  check(reachable === 1, `${reachable} tabs are in the order of the Tab key`);
}

async function saysThatThereIsNoSuchJob(page) {
  page.mayMiss = true;
  await show(page, "00000000-0000-4000-8000-000000000000");
  await until(page, "words about a job that is not there", () => /no such job/i.test(document.getElementById("job-title").textContent));
  check(await page.locator("#job-body").isHidden() && await page.locator("#job-problem").isVisible(), "an empty page is shown for a job that is not there");
  page.mayMiss = false;
}

// ---- How it is seen ----

async function open(context) {
  const page = await context.newPage();
  watchTheBrowser(page, line.url);
  page.streams = new Set();
  page.on("request", (request) => { if (request.url().includes("/events")) page.streams.add(request); });
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => page.streams.delete(request));
  await page.goto(line.url.href);
  await page.locator("#input-url").waitFor();
  return page;
}

async function show(page, job) {
  await page.goto(new URL(`#/jobs/${job}`, line.url).href);
  await page.locator("#job-view").waitFor();
}

function isConnected(page, state, timeout = STEP) {
  return until(page, `the connection to be ${state}`, (wanted) => document.getElementById("job-connection").dataset.connection === wanted, timeout, state);
}

function hasStatus(page, status) {
  const isShown = (wanted) => document.getElementById("job-status").dataset.status === wanted && document.getElementById("outcome").dataset.status === wanted;
  return until(page, `the job to be ${status}`, isShown, JOB, status);
}

function framesOf(page) {
  return page.locator("#frame-rows tr").evaluateAll((rows) => rows.map((row) => {
    const text = (name) => row.querySelector(`.log-${name}`).textContent;
    return { kind: row.className, id: text("id"), name: text("name"), data: text("content") };
  }));
}

function attemptsOf(page) {
  return page.locator("#step-list .attempt").evaluateAll((rows) => rows.map((row) => ({ outcome: row.dataset.outcome, words: row.querySelector(".attempt-words").textContent })));
}
