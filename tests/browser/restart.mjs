// Watches one job in Chromium while its server is killed and started again, to its end and to the call of its webhook.
//
//   node restart.mjs <address of the job's page> <site URL>
//
// The server must be killed when this prints "reads the text" and the model has stopped writing, and started again when it prints
// "lost the server". CHROMIUM and DEADLINE_SECONDS as in dashboard.mjs. Exit code 0 when everything held, 1 with a message at the
// first thing that did not.
import { JOB, STEP, check, inABrowser, keepsToItsOrigin, until, watchTheBrowser } from "./person.mjs";

const [address] = process.argv.slice(2);
if (!address) {
  console.error("usage: node restart.mjs <address of the job's page> <site URL>");
  process.exit(2);
}
const base = new URL("/", address);

await inABrowser("the page went on where it was", async (browser) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1400 } });
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  watchTheBrowser(page, base);
  await page.goto(address);
  await until(page, "some of the model's text", () => document.getElementById("model-text").textContent.length > 0, JOB);
  await noteConnections(page);
  check(await page.locator("#webhook-status").innerText() === "Called when the job is over", "nothing is said of the webhook");
  page.mayLoseConnection = true;
  console.log("reads the text");

  await until(page, "the page to say that it has no connection", () => document.getElementById("job-connection").dataset.connection === "reconnecting");
  check(await page.locator("#job-status").getAttribute("data-status") === "processing", "the job is shown as over because the server is gone");
  console.log("lost the server");
  await until(page, "the result", () => document.querySelector("#outcome .result-name") !== null, JOB);
  page.mayLoseConnection = false;
  const connections = await page.evaluate(() => window.connections);
  check(/^live,reconnecting\b.*,closed$/.test(String(connections)), `the connection was ${connections}`);
  await hasLostNothing(page);
  await toldEachConnection(page);
  await until(page, "the webhook to be confirmed", () => document.getElementById("webhook-status").textContent === "Delivered", JOB);
  check(/1 call/.test(await page.locator("#webhook-facts").innerText()), "it is not said how often the webhook was called");
  await keepsToItsOrigin(page);
});

// The job may be over as soon as the stream is there again, too soon for the badge to say so.
async function toldEachConnection(page) {
  await page.locator("#tab-frames").click();
  const told = await page.locator("#frame-rows .frame-connection .log-name").allInnerTexts();
  check(/^connecting,live,reconnecting\b.*,live,closed$/.test(String(told)), `the debugger says of the connection: ${told}`);
}

// All events, each once, and in the timeline both attempts with what was kept.
async function hasLostNothing(page) {
  await page.locator("#tab-events").click();
  const ids = (await page.locator("#log-rows .log-id").allInnerTexts()).map(Number);
  check(ids[0] === 1 && ids.every((id, index) => index === 0 || id > ids[index - 1]), `the events are ${ids}`);
  const outcomes = await page.locator("#step-list .attempt").evaluateAll((rows) => rows.map((row) => row.dataset.outcome));
  check(String(outcomes) === "failed,completed", `the attempts are ${outcomes}`);
  check(await page.locator("#step-list .step-latest", { hasText: "Kept from attempt 1" }).count() === 1, "it is not said that the first step was kept");
}

// Gone if the page was loaded anew.
function noteConnections(page) {
  return page.evaluate(() => {
    const badge = document.getElementById("job-connection");
    window.connections = [badge.dataset.connection];
    new MutationObserver(() => {
      if (window.connections.at(-1) !== badge.dataset.connection) window.connections.push(badge.dataset.connection);
    }).observe(badge, { attributeFilter: ["data-connection"] });
  });
}
