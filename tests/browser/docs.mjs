// Drives the page of the API's documentation: all of the document is there, by name, and its commands can be copied.
//
//   node docs.mjs <base URL> <site URL, not used>
//
// Prints the command that it copied behind "copied ". CHROMIUM and DEADLINE_SECONDS as in dashboard.mjs. Exit code 0 when
// everything held, 1 with a message at the first thing that did not.
import { STEP, check, fitsSideways, inABrowser, keepsToItsOrigin, until, watchTheBrowser } from "./person.mjs";

const base = new URL("/", process.argv[2] ?? "http://127.0.0.1:8080");

await inABrowser("the documentation shows all of the document", async (browser) => {
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  watchTheBrowser(page, base);
  const api = await (await fetch(new URL("/openapi.json", base))).json();

  await isReachedFromTheDashboard(page);
  await showsEveryOperation(page, api);
  await showsEverySchema(page, api);
  await leadsToWhatIsNamed(page);
  await opensAnAnswer(page);
  await copiesACommand(page);
  await choosesAnExample(page);
  await fitsASmallScreen(page);
  await keepsToItsOrigin(page);
});

async function isReachedFromTheDashboard(page) {
  await page.goto(base.href);
  await page.getByRole("link", { name: "API documentation" }).click();
  await page.waitForURL(/\/docs$/);
  await page.locator("#doc").waitFor();
}

async function showsEveryOperation(page, api) {
  const operations = [api.paths, api.webhooks].flatMap(Object.values).flatMap(Object.values);
  check(operations.length > 12, `the document has ${operations.length} operations`);
  check(await page.locator(".operation").count() === operations.length, "an operation is missing");
  for (const { operationId, summary, responses, parameters } of operations) {
    const card = page.locator(`#${operationId}`);
    check(await card.locator("h3").textContent() === summary, `${operationId} has another title`);
    const statuses = await card.locator(".answer .code").allTextContents();
    check(statuses.join() === Object.keys(responses).join(), `${operationId} shows the answers ${statuses}`);
    const names = await card.locator(".members").first().locator(".name").allTextContents();
    const named = parameters.map((parameter) => parameter.name ?? "X-Request-Id");
    check(named.every((name) => names.includes(name)), `${operationId} shows the parameters ${names}`);
    check(await page.locator(`#doc-nav a[href="#${operationId}"]`).count() === 1, `the contents lack ${operationId}`);
  }
}

async function showsEverySchema(page, api) {
  for (const name of Object.keys(api.components.schemas)) {
    check(await page.locator(`#schema-${name} h3`).textContent() === name, `the schema ${name} is missing`);
  }
  const broken = await page.evaluate(() => {
    const anchors = [...document.querySelectorAll('a[href^="#"]')].map((link) => link.getAttribute("href").slice(1));
    return anchors.filter((id) => document.getElementById(id) === null);
  });
  check(broken.length === 0, `links lead nowhere: ${broken}`);
  const stray = await page.evaluate(() => [...document.querySelectorAll("dt")].filter((term) => {
    return [...term.childNodes].some((node) => node.nodeType === Node.TEXT_NODE) || /undefined|\[object/.test(term.textContent);
  }).map((term) => term.textContent));
  check(stray.length === 0, `what is not for people is shown: ${stray}`);
  const members = await page.locator("#schema-Job .name").allTextContents();
  check(members.join() === Object.keys(api.components.schemas.Job.properties).join(), `a job is shown with ${members}`);
}

async function leadsToWhatIsNamed(page) {
  await page.locator("#doc-nav").getByRole("link", { name: "ProgressEvent" }).click();
  await until(page, "the schema to be in view", () => {
    const { top } = document.getElementById("schema-ProgressEvent").getBoundingClientRect();
    return top >= 0 && top < innerHeight;
  });
  await page.goto(new URL("/docs#cancel_job", base).href);
  await page.reload();
  await until(page, "the operation of the address to be in view", () => {
    const card = document.getElementById("cancel_job");
    return card !== null && Math.abs(card.getBoundingClientRect().top) < innerHeight;
  });
}

async function opensAnAnswer(page) {
  const answer = page.locator("#start_job .answer").filter({ hasText: "422" });
  check(await answer.locator(".inside").isHidden(), "answers are open before they are asked for");
  await answer.locator("summary").click();
  const text = await answer.locator(".inside").innerText();
  for (const words of ["invalid_input", "unknown_brand", "idempotency_key_reused", "X-Request-Id"]) {
    check(text.includes(words), `the answer does not show ${words}: ${text}`);
  }
}

async function copiesACommand(page) {
  const block = page.locator("#list_job_types .block").first();
  await block.getByRole("button", { name: "Copy" }).press("Enter");
  await until(page, "the button to say that it is copied", () => document.querySelector("#list_job_types .block button").textContent === "Copied");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check(copied === await block.locator("pre").textContent(), `something else was copied: ${copied}`);
  console.log(`copied ${copied}`);
}

async function choosesAnExample(page) {
  const block = page.locator("#start_job .block").first();
  await block.locator("select").selectOption("campaigns");
  check(/"job_type":"campaigns"/.test(await block.locator("pre").textContent()), "the example did not change");
}

async function fitsASmallScreen(page) {
  await page.setViewportSize({ width: 360, height: 700 });
  await fitsSideways(page, "the documentation");
}
