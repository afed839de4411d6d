// Drives the examples in Chromium against a real server, the way people would, and as networks and tabs are.
//
//   JOBCAST=<the program> node examples.mjs [folder for screenshots]
//
// The package and the React example must be built. CHROMIUM names the browser (/usr/bin/chromium if unset), DEADLINE_SECONDS
// bounds a job (120 if unset). Exit code 0 when everything held, 1 with a message at the first thing that did not.
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { JOB, STEP, check, fitsSideways, inABrowser, until, watchTheBrowser } from "../../../tests/browser/person.mjs";
import { serve } from "../../examples/serve.mjs";
import { heldSite, startDemo } from "./demo.mjs";

const [shotFolder] = process.argv.slice(2);
if (!process.env.JOBCAST) {
  console.error("usage: JOBCAST=<the program> node examples.mjs [folder for screenshots]");
  process.exit(2);
}

/** Streams and held questions of all tabs together: two of the six connections that HTTP/1.1 allows stay free. */
const HELD = 4;

/** How long the end of a connection may take to be heard of, in milliseconds. */
const MOMENT = 250;
/** Stories that are told at the same time; most of each is waiting for a job. */
const LANES = 4;

const demo = await startDemo(process.env.JOBCAST);
try {
  await inABrowser("the examples do what they should", async (browser) => {
    const together = [failedAndRetried, theGuidesButtonByKeyboard, plainPage, plainPageByEventSource, eventSourceAlone, eightTabs, offlineAndBack, cancelledAndRetried, aReloadAndTwoTabs];
    const lane = async () => {
      for (let story = together.shift(); story !== undefined; story = together.shift()) await tell(browser, story);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    // Takes the server away from all others.
    await tell(browser, aRestartInMidJob);
  });
} finally {
  demo.stop();
}

/** Tells a story in a browser profile of its own, on a line of its own to the server. */
async function tell(browser, story) {
  const began = performance.now();
  const line = await openLine();
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, colorScheme: "light" });
  context.setDefaultTimeout(STEP);
  try {
    await story({ context, line });
    check(line.most <= HELD, `${line.most} connections were held at once`);
  } catch (error) {
    throw new Error(`${story.name}: ${error.message}`);
  } finally {
    await context.close();
    line.close();
  }
  console.log(`${story.name}: ${Math.round(performance.now() - began)} ms`);
}

// ---- The stories ----

async function theGuidesButtonByKeyboard({ context, line }) {
  const page = await open(context, line.react);
  await tabTo(page, "#name");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Acme Kettles");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await until(page, "the guide's bar to move", () => parseFloat(document.querySelector("#button .progress-bar")?.style.width) > 0, JOB);
  await until(page, "the job in the live list", () => document.querySelector("#list li")?.textContent.includes("Acme Kettles"));
  await shoot(page, "react-progress");
  await page.locator("#button").getByText("Analysis Complete!").waitFor({ timeout: JOB });
  await until(page, "the list's job to be completed", () => document.querySelector("#list li")?.dataset.status === "completed");
  await tabTo(page, "#button button");
  await page.keyboard.press("Enter");
  await page.locator("#result").waitFor();
  check((await page.locator("#result").innerText()).includes("Acme Kettles"), "the result is not that of the competitor");
  check(await page.evaluate(() => document.activeElement?.id) === "job", "the focus did not move to the job's heading");
  await page.setViewportSize({ width: 360, height: 740 });
  await fitsSideways(page, "the React example");
  await shoot(page, "react-phone");
}

function plainPage({ context, line }) {
  return plainPageBy(context, line.plain);
}

function plainPageByEventSource({ context, line }) {
  return plainPageBy(context, `${line.plain}?stream=eventsource`);
}

async function plainPageBy(context, address) {
  const page = await open(context, address);
  await page.locator("#name").fill("Plain Kettles");
  await page.keyboard.press("Enter");
  await until(page, "the model's text", () => document.getElementById("text").textContent.length > 20, JOB);
  await page.reload();
  await until(page, "the model's text after the reload", () => document.getElementById("text").textContent.length > 20, JOB);
  await page.locator("#result").waitFor({ timeout: JOB });
  check((await page.locator("#result").innerText()).includes("Plain Kettles"), "the result is not that of the competitor");
  check(await page.locator("#connection").innerText() === "closed", "the connection is not closed");
  await page.setViewportSize({ width: 360, height: 740 });
  await fitsSideways(page, "the plain page");
}

async function eventSourceAlone({ context, line }) {
  const page = await open(context, new URL("eventsource.html", line.plain).href);
  await page.locator("#start").click();
  await until(page, "the end", () => document.getElementById("label").textContent === "completed", JOB);
  const ids = (await page.locator("#ids li").allInnerTexts()).map((text) => Number.parseInt(text, 10));
  check(ids[0] === 1 && ids.every((id, index) => index === 0 || id > ids[index - 1]), `the ids were ${ids}`);
}

async function aReloadAndTwoTabs({ context, line }) {
  const { id, site } = await heldJob();
  const first = await openJob({ context, line }, id);
  await isLive(first);
  await first.reload();
  await isLive(first);
  const second = await openJob({ context, line }, id);
  await isLive(second);
  // A stream of the job and one of the list, for both tabs.
  await line.settlesAt(2);
  await first.close();
  site.open();
  await showsTheEnd(second, id);
  await hasAllEvents(second, id);
}

async function eightTabs({ context, line }) {
  const { id, site } = await heldJob();
  const tabs = [];
  for (let count = 0; count < 8; count += 1) tabs.push(await openJob({ context, line }, id));
  for (const tab of tabs) await isLive(tab);
  await line.settlesAt(2);
  check(await answersAtOnce(tabs[7]), "a call has no connection left");
  await tabs[0].close();
  await tabs[3].close();
  site.open();
  for (const tab of tabs.filter((each) => !each.isClosed())) {
    await showsTheEnd(tab, id);
    await hasAllEvents(tab, id);
  }
}

async function offlineAndBack({ context, line }) {
  const { id, site } = await heldJob();
  const page = await openJob({ context, line }, id);
  await isLive(page);
  page.mayLoseConnection = true;
  await context.setOffline(true);
  line.cut();
  await until(page, "the page to notice", () => document.getElementById("connection").textContent !== "live");
  check(await page.locator("#status").innerText() === "processing", "the end of the connection was taken for the end of the job");
  site.open();
  await isOver(id);
  line.mend();
  await context.setOffline(false);
  await showsTheEnd(page, id);
  await hasAllEvents(page, id);
}

async function aRestartInMidJob({ context, line }) {
  const { id, site } = await heldJob();
  const page = await openJob({ context, line }, id);
  await isLive(page);
  page.mayLoseConnection = true;
  await demo.kill();
  await until(page, "the page to notice", () => document.getElementById("connection").textContent === "connecting");
  await shoot(page, "react-reconnecting");
  site.open();
  await demo.start();
  await showsTheEnd(page, id);
  await hasAllEvents(page, id);
}

async function failedAndRetried({ context, line }) {
  const id = await demo.job(analysis("Faulty Kettles fault=claude:bad-request*1"));
  // The page is there before the job is, and in front, so that it shows the text come and go.
  const texts = await open(context, line.react, noteTexts);
  const voided = await demo.job(analysis("Other Kettles fault=claude:cut-off*1"));
  await texts.evaluate((job) => { location.hash = `#/jobs/${job}`; }, voided);
  await until(texts, "the text of an attempt that failed to be taken back, and new text", () => {
    const isText = window.texts.map((text) => text !== "").filter((has, index, all) => has !== all[index - 1]);
    return isText.join() === "false,true,false,true";
  }, JOB);

  const page = await openJob({ context, line }, id);
  await until(page, "the failure", () => document.getElementById("status").dataset.status === "failed", JOB);
  check(await page.locator("#step").innerText() !== "", "there is no reason for the failure");
  await shoot(page, "react-failed");
  await page.locator("#retry").click();
  await showsTheEnd(page, id);
  await hasAllEvents(page, id);
  await showsTheEnd(texts, voided);
}

async function cancelledAndRetried({ context, line }) {
  const { id, site } = await heldJob();
  const page = await openJob({ context, line }, id);
  await isLive(page);
  await page.locator("#cancel").click();
  await until(page, "the cancellation", () => document.getElementById("status").dataset.status === "cancelled");
  await page.locator("#retry").click();
  await until(page, "the job to run again", () => document.getElementById("status").dataset.status === "processing", JOB);
  site.open();
  await showsTheEnd(page, id);
  await hasAllEvents(page, id);
}

// ---- What people see ----

async function open(context, url, prepare = async () => undefined) {
  const page = await context.newPage();
  watchTheBrowser(page, new URL(url));
  await prepare(page);
  await page.goto(url);
  return page;
}

function openJob({ context, line }, id, prepare) {
  return open(context, `${line.react}#/jobs/${id}`, prepare);
}

async function isLive(page) {
  await until(page, "the job to run, live", () => document.getElementById("connection")?.textContent === "live" && document.getElementById("status").dataset.status === "processing", JOB);
}

async function showsTheEnd(page, id) {
  await until(page, `the end of ${id}`, () => document.getElementById("status")?.dataset.status === "completed", JOB);
  check(await page.locator("#result").isVisible(), "the job is shown as completed without its result");
  await until(page, "the connection to be closed", () => document.getElementById("connection").textContent === "closed");
}

/** The events that the page shows are those that the server has, each once and in order. */
async function hasAllEvents(page, id) {
  const shown = await page.locator("#events li").evaluateAll((items) => items.map((item) => `${item.value} ${item.textContent}`));
  const text = await (await fetch(`${demo.url}/api/jobs/${id}/events`)).text();
  const stored = [...text.matchAll(/^id: (\d+)\nevent: (\w+)$/gm)].map(([, seq, name]) => `${seq} ${name}`);
  const wanted = stored.filter((each) => !/ (sync|delta)$/.test(each)).slice(-200);
  check(shown.join() === wanted.join(), `shown are the events ${shown}, stored ${wanted}`);
}

async function tabTo(page, selector) {
  for (let presses = 0; presses < 20; presses += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${selector} cannot be reached with the Tab key`);
}

/** Whether a call that is answered at once has a connection, although all the others are in use. */
async function answersAtOnce(page) {
  return page.evaluate(async () => (await fetch("/api/job-types", { signal: AbortSignal.timeout(5000) })).ok);
}

async function noteTexts(page) {
  await page.addInitScript(() => {
    window.texts = [];
    new MutationObserver(() => window.texts.push(document.getElementById("text")?.textContent ?? "")).observe(document, { subtree: true, childList: true, characterData: true });
  });
}

async function shoot(page, name) {
  if (!shotFolder) return;
  await mkdir(shotFolder, { recursive: true });
  await page.screenshot({ path: join(shotFolder, `${name}.png`) });
}

// ---- Jobs, and the line to the server ----

function analysis(name) {
  return { brand_id: randomUUID(), job_type: "competitor_analysis", input_data: { competitor_name: name } };
}

/** A job that runs until its site is opened. */
async function heldJob() {
  const site = await heldSite();
  const id = await demo.job({ brand_id: randomUUID(), job_type: "brand_intelligence", input_data: { url: site.url } });
  return { id, site };
}

async function isOver(id) {
  const deadline = performance.now() + JOB;
  while ((await demo.ask(`/api/jobs/${id}/status`)).job.status !== "completed") {
    check(performance.now() < deadline, `${id} did not end`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The examples on two addresses of their own, which lead to the server; counts the requests that hold a connection. */
async function openLine() {
  const held = new Set();
  let isCut = false;
  const line = {
    /** The most streams and waiting questions at the same time. */
    most: 0,
    react: "",
    plain: "",
    /** Ends what is held, and lets nothing through. */
    cut() {
      isCut = true;
      for (const answer of held) answer.destroy();
    },
    mend: () => { isCut = false; },
    /** Waits until so many are held. */
    async settlesAt(count) {
      const deadline = performance.now() + STEP;
      while (held.size !== count) {
        check(performance.now() < deadline, `${held.size} connections are held where ${count} would do`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    close: () => servers.forEach((server) => server.close()),
  };
  const passes = () => !isCut;
  const saw = (request, answer) => {
    if (!/\/events(\?|$)|[?&]wait=/.test(request.url)) return;
    held.add(answer);
    // The end of one is heard of after the beginning of the next, which takes its place in the browser.
    setTimeout(() => { line.most = Math.max(line.most, held.size); }, MOMENT);
    answer.on("close", () => held.delete(answer));
  };
  const servers = await Promise.all(["react", "plain"].map((name) => serve({ name, target: () => demo.url, passes, saw })));
  [line.react, line.plain] = servers.map((server) => server.url);
  return line;
}
