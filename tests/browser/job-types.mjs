// Starts each job type from the form of a running `jobcast demo` in Chromium, and reads each result.
//
//   node job-types.mjs <base URL> <site URL>
//
// The site must be reachable for the server, and have the colour #1e40af. CHROMIUM names the browser (/usr/bin/chromium if
// unset), DEADLINE_SECONDS bounds each wait for a job (120 if unset). Exit code 0 when everything held, 1 with a message
// at the first thing that did not.
import { JOB, STEP, check, fitsSideways, focusByTab, inABrowser, isFocused, keepsToItsOrigin, until, watchTheBrowser } from "./person.mjs";
import { emptyBoxes, judgesHostileData, judgesThinData } from "./results.mjs";

const [baseText, site] = process.argv.slice(2);
if (!baseText || !site) {
  console.error("usage: node job-types.mjs <base URL> <site URL>");
  process.exit(2);
}
const base = new URL("/", baseText);

/** The kind of control that each field gets. */
const CONTROLS = {
  brand_intelligence: { url: "url", max_pages: "number" },
  competitor_analysis: { competitor_name: "text", facebook_page: "text", start_date: "date", end_date: "date", limit: "number" },
  target_audiences: { audience_description: "textarea" },
  products_services: {},
  campaigns: {},
  brand_extraction: { url: "url", include_screenshot: "checkbox" },
  page_discovery: { url: "url", max_pages: "number", include_scraping: "checkbox" },
};
const TYPES = Object.keys(CONTROLS);
const AUDIENCE = "Women between 30 and 60 in Norway who cook at home";
const RESULTS = {
  brand_intelligence: readsBrandIntelligence,
  brand_extraction: readsBrandExtraction,
  page_discovery: readsPageDiscovery,
  competitor_analysis: readsCompetitorAnalysis,
  target_audiences: readsTargetAudiences,
  products_services: readsProductsServices,
  campaigns: readsCampaigns,
};

await inABrowser("every job type does what it should", async (browser) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: "light", locale: "en-US" });
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  watchTheBrowser(page, base);
  const keys = noteKeys(page);

  await page.goto(base.href);
  await offersAllTypes(page);
  const jobs = new Map();
  jobs.set("brand_intelligence", await starts(page, "brand_intelligence", { url: site }));
  jobs.set("brand_extraction", await starts(page, "brand_extraction", { url: site }));
  jobs.set("page_discovery", await starts(page, "page_discovery", { url: site, max_pages: "10" }));
  jobs.set("competitor_analysis", await starts(page, "competitor_analysis", { competitor_name: "Acme Kettles", limit: "40" }));
  await completes(page, jobs.get("brand_intelligence"));
  jobs.set("target_audiences", await starts(page, "target_audiences", { audience_description: AUDIENCE }));
  await completes(page, jobs.get("target_audiences"));
  jobs.set("products_services", await starts(page, "products_services", {}));
  jobs.set("campaigns", await starts(page, "campaigns", {}));
  check(keys.size === TYPES.length, `${TYPES.length} starts carried ${keys.size} different keys`);

  for (const [type, job] of jobs) {
    await completes(page, job);
    await RESULTS[type](page);
    await judgesAnyResult(page, type);
  }
  await namesEachJob(page, jobs);
  await triesAFault(page);
  await estimatesAnew(page);
  await judgesThinData(page);
  await judgesHostileData(page);
  await keepsToItsOrigin(page);
  await fitsAPhone(page, jobs);
});

// Each start has a key of its own, so that a start whose answer was lost can be sent again.
function noteKeys(page) {
  const keys = new Set();
  page.on("request", (request) => {
    if (!request.url().endsWith("/api/jobs/start")) return;
    const key = request.headers()["idempotency-key"];
    if (key) keys.add(key);
  });
  return keys;
}

async function offersAllTypes(page) {
  await page.locator("#input-url").waitFor();
  const offered = await page.locator("#job-type option:enabled").evaluateAll((options) => options.map((option) => option.value));
  check(JSON.stringify([...offered].sort()) === JSON.stringify([...TYPES].sort()), `the form offers ${offered.join(", ")}`);
  for (const type of TYPES) {
    await page.locator("#job-type").selectOption(type);
    const hint = await page.locator("#job-type-hint").textContent();
    check(/^[A-Z].+\. Usually takes about/.test(hint), `nothing is said on what comes out of ${type}: ${hint}`);
    const controls = await page.locator("#input-fields :is(input, textarea)").evaluateAll((all) => Object.fromEntries(all.map(({ name, type: kind }) => [name, kind])));
    check(JSON.stringify(controls) === JSON.stringify(CONTROLS[type]), `the fields of ${type} are ${JSON.stringify(controls)}`);
    const needs = await page.locator("#job-type-needs").textContent();
    check(/brand intelligence/.test(needs) === ["products_services", "campaigns"].includes(type), `what ${type} needs first: ${needs}`);
  }
}

// By keyboard alone: the type with the arrow keys, each field with Tab.
async function starts(page, type, fields) {
  await page.goto(new URL("#/", base).href);
  await focusByTab(page, "job-type");
  await page.keyboard.press("Home");
  for (let presses = 0; presses < TYPES.length && await page.locator("#job-type").inputValue() !== type; presses += 1) {
    await page.keyboard.press("ArrowDown");
  }
  check(await page.locator("#job-type").inputValue() === type, `${type} cannot be chosen with the arrow keys`);
  for (const [name, value] of Object.entries(fields)) {
    await focusByTab(page, `input-${name}`);
    await page.keyboard.press("Control+A");
    await page.keyboard.type(value);
  }
  await focusByTab(page, "start-submit");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/jobs\/.+/);
  check(await isFocused(page, "job-title"), `the focus did not move to the heading of the job (${type})`);
  return new URL(page.url()).hash;
}

async function completes(page, job) {
  await page.goto(new URL(job, base).href);
  // The outcome of the job that was shown before is gone when the details name this one.
  const isOver = (id) => document.getElementById("fact-list").textContent.includes(id)
    && ["completed", "failed", "cancelled"].includes(document.getElementById("outcome").dataset.status);
  await until(page, `the end of ${job}`, isOver, JOB, job.replace("#/jobs/", ""));
  const outcome = page.locator("#outcome");
  check(await outcome.getAttribute("data-status") === "completed", `${job} ended otherwise: ${await outcome.innerText()}`);
}

async function readsBrandIntelligence(page) {
  await has(page, ".result-name", 1);
  await has(page, ".pages tbody tr", 1);
  await showsTheColourOfTheSite(page);
}

async function readsBrandExtraction(page) {
  await showsTheColourOfTheSite(page);
  const face = await page.locator("#outcome .face-name").first().evaluate((node) => [node.textContent, getComputedStyle(node).fontFamily]);
  check(face[1].startsWith(face[0]) || face[1].startsWith(`"${face[0]}"`), `the typeface ${face[0]} is shown in ${face[1]}`);
  const picture = page.locator("#outcome .screenshot img");
  check(await picture.evaluate((image) => image.decode().then(() => image.naturalWidth > 0, () => false)), "the screenshot is not shown");
  check((await picture.getAttribute("src")).startsWith("data:image/"), "the screenshot is not the one of the result");
}

async function readsPageDiscovery(page) {
  await has(page, ".found-pages tbody tr", 3);
  await has(page, ".badge", 3);
  check(/about/i.test(await page.locator("#outcome .found-pages tbody").innerText()), "the pages are not named");
}

async function readsCompetitorAnalysis(page) {
  for (const title of ["Key findings", "Recommendations", "Creative strategy", "Messaging", "Visual design", "Whom the ads address", "Signs of performance"]) {
    check(await page.locator("#outcome").getByRole("heading", { name: title }).count() === 1, `there is no “${title}”`);
  }
  check((await page.locator("#outcome .usage-line").innerText()).includes("Foreplay credit"), "the credits are not told");
  const rows = page.locator("#outcome .ads tbody tr");
  check(await rows.count() === 25, `${await rows.count()} ads are shown at first`);
  await page.getByRole("button", { name: "Show all 40 ads" }).click();
  check(await rows.count() === 40, `${await rows.count()} ads are shown at last`);
  check(await page.locator("#outcome img").count() === 0, "a picture of an ad is loaded");
}

async function readsTargetAudiences(page) {
  await has(page, ".result-card", 3, 3);
  check((await page.locator("#outcome .result-card").first().innerText()).includes("Norway"), "the first persona is not from where it was asked for");
  await has(page, ".result-card .chips li", 3);
}

async function readsProductsServices(page) {
  await has(page, ".result-card", 1, 12);
  await has(page, ".result-card .bullets li", 1);
}

async function readsCampaigns(page) {
  await has(page, ".result-card", 3, 5);
  const widths = await page.locator("#outcome .plan-bar").evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
  check(widths.length >= 3 && widths.every((width) => width > 4), `the bars of the plan are so wide: ${widths}`);
  const personas = await page.locator("#outcome .result-card", { hasText: "Personas" }).count();
  check(personas > 0, "no campaign names a persona");
  check(!/Persona [0-9a-f]{8}/.test(await page.locator("#outcome").innerText()), "a persona is shown by its id");
}

async function judgesAnyResult(page, type) {
  const empty = await emptyBoxes(page);
  check(empty.length === 0, `${type} has empty boxes: ${empty.join(", ")}`);
  const asksClaude = !["brand_extraction", "page_discovery"].includes(type);
  check(await page.locator("#outcome .usage-line").count() === Number(asksClaude), `the usage of ${type} is told wrongly`);
  if (asksClaude) check(/tokens in.+out.+≈ \$\d+\.\d+/.test(await page.locator("#outcome .usage-line").innerText()), `the cost of ${type} is not told`);
  check(await page.locator("#tab-model").isVisible() === asksClaude, `the text of the model of ${type} is shown wrongly`);
}

async function showsTheColourOfTheSite(page) {
  const colours = await page.locator("#outcome .swatch").evaluateAll((swatches) => {
    return swatches.map((swatch) => [swatch.querySelector("code").textContent, getComputedStyle(swatch.querySelector(".swatch-colour")).backgroundColor]);
  });
  check(colours.some(([hex, shown]) => hex === "#1E40AF" && shown === "rgb(30, 64, 175)"), `the swatches are ${JSON.stringify(colours)}`);
}

async function namesEachJob(page, jobs) {
  await page.goto(new URL("#/", base).href);
  const title = (type) => page.locator(`#job-list a[href="${jobs.get(type)}"] .row-title`).textContent();
  await page.locator(`#job-list a[href="${jobs.get("campaigns")}"]`).waitFor();
  check(await title("competitor_analysis") === "Acme Kettles", "the list does not name the competitor");
  check(await title("target_audiences") === AUDIENCE, "the list does not name the audience");
  check(await title("products_services") === "Products and services", "the list does not name a job without a subject");
}

// From a job's page: the list of faults fills the form, wherever the person is.
async function triesAFault(page) {
  await page.locator("#job-list a").first().click();
  await page.locator("#demo-banner summary").click();
  await page.getByRole("button", { name: "Fill in fault=foreplay:no-credits" }).press("Enter");
  check(await isFocused(page, "input-competitor_name"), "the filled field did not get the focus");
  check((await page.locator("#input-competitor_name").inputValue()).includes("fault=foreplay:no-credits"), "the fault was not filled in");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/jobs\/.+/);
  await until(page, "the job to fail", () => document.getElementById("outcome").dataset.status === "failed", JOB);
  check(/no credits left/.test(await page.locator("#outcome").innerText()), "it is not said that there are no credits");
  check(await page.locator("#job-retry").isVisible(), "a failed job cannot be retried");
}

// A site whose analysis falls silent keeps the job running without an event: only the estimate is asked for then.
async function estimatesAnew(page) {
  await starts(page, "brand_intelligence", { url: new URL("/?fault=gtm:silence", site).href });
  await until(page, "the bar to leave 0", () => Number(document.getElementById("job-bar").getAttribute("aria-valuenow")) > 0, JOB);
  await page.reload();
  await page.waitForResponse((response) => response.url().endsWith("/status"));
  check(/^about \d+ (s|min)$|^any moment$/.test(await page.locator("#job-remaining").textContent()), "the remaining time is not told");
  await page.locator("#job-cancel").click();
  await until(page, "the job to be cancelled", () => document.getElementById("outcome").dataset.status === "cancelled");
}

async function fitsAPhone(page, jobs) {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const [type, job] of jobs) {
    await completes(page, job);
    await fitsSideways(page, type);
  }
  await page.goto(new URL("#/", base).href);
  await page.locator("#demo-banner summary").click();
  for (const type of TYPES) {
    await page.locator("#job-type").selectOption(type);
    await fitsSideways(page, `the form for ${type}`);
  }
}

async function has(page, selector, least, most = Infinity) {
  const found = page.locator(`#outcome ${selector}`);
  const count = await found.count();
  check(count >= least && count <= most, `the result has ${count} × ${selector}`);
  check(await found.first().isVisible(), `${selector} is not visible`);
}
