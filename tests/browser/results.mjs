// Results that no demo gives: too little, and what somebody wrote to do harm. They are laid out by the page's own modules.
import { check } from "./person.mjs";

const SCRIPT = "<img src=x onerror=\"window.harmed=true\"><script>window.harmed=true</script>";
const ADDRESS = "javascript:window.harmed=true";

const THIN = [
  ["brand_intelligence", { brand_name: "Thin" }],
  ["brand_intelligence", { values: "one", key_messages: [null, ""], raw_analysis: "not JSON", usage: { input_tokens: 5 } }],
  ["competitor_analysis", { competitor_name: "Thin", ads_data: [{ id: "1" }, { id: "2", headline: null, publisher_platform: null, live: null }] }],
  ["competitor_analysis", { key_findings: "one", creative_strategy: null, messaging_analysis: [], performance_indicators: "good", total_ads_analyzed: null }],
  ["target_audiences", { target_audiences: [{ name: "Thin" }, {}, { demographics: "people", psychographics: { interests: "tea" } }] }],
  ["products_services", { products_services: [{ name: "Thin", features: [] }, { price: " " }, "just a name"] }],
  ["campaigns", { campaigns: [{ name: "Thin" }, { start_date: "2026-13-45", end_date: 7, channels: "Email" }, { start_date: "2026-02-01", end_date: "2026-01-01" }] }],
  ["brand_extraction", { url: "https://example.com/", colors: null, typography: { primary: { family: "Inter", weights: [400, 700] } }, logos: { primary: null, favicons: [{}] }, screenshot: { url: null, data: null } }],
  ["brand_extraction", { colors: [{ hex: "red" }], typography: null, logos: null, screenshot: { data: "no picture", type: "text/html" }, summary: {} }],
  ["page_discovery", { pages: [{ url: "https://example.com/" }, "https://example.com/about", {}], insights: null, metadata: null }],
  ["page_discovery", { pages: null, insights: { coverage: { hasTeam: "yes" }, recommendedForAnalysis: ["https://example.com/about"] } }],
  ["of_the_future", { anything: { goes: ["here"] } }],
  ["competitor_analysis", {}],
  ["campaigns", null],
];

const HOSTILE = [
  ["brand_intelligence", { brand_name: SCRIPT, tagline: SCRIPT, raw_analysis: { url: ADDRESS, brand: { colors: { primary: ["#fff;background:url(//evil.example)"] }, logos: { primary: { src: ADDRESS } } } } }],
  ["competitor_analysis", { competitor_name: SCRIPT, competitor_website: ADDRESS, overview: SCRIPT, ads_data: [{ headline: SCRIPT, link_url: ADDRESS, thumbnail: ADDRESS, image: "data:text/html,x" }] }],
  ["target_audiences", { target_audiences: [{ name: SCRIPT, psychographics: { interests: [SCRIPT] } }] }],
  ["products_services", { products_services: [{ name: SCRIPT, image_url: ADDRESS }] }],
  ["campaigns", { campaigns: [{ name: SCRIPT, channels: [SCRIPT], start_date: "2026-01-01", end_date: "2026-02-01" }] }],
  ["brand_extraction", {
    url: ADDRESS, logos: { primary: { src: ADDRESS } },
    typography: { display: { family: "x\";background:url(//evil.example);\\", weights: ["700;color:red"] } },
    screenshot: { url: ADDRESS, data: btoa("<svg xmlns='http://www.w3.org/2000/svg' onload='parent.harmed=true'><script>parent.harmed=true</script></svg>"), type: "image/svg+xml" },
  }],
  ["brand_extraction", { screenshot: { data: btoa(SCRIPT), type: "text/html" } }],
  ["page_discovery", { url: ADDRESS, pages: [{ url: ADDRESS, title: SCRIPT, reason: SCRIPT }], insights: { recommendedForAnalysis: [ADDRESS] } }],
];

/** What is missing is left out: nothing breaks, and there is no empty box. */
export async function judgesThinData(page) {
  for (const [type, data] of THIN) {
    const { error, text } = await layOut(page, type, data);
    const empty = await emptyBoxes(page);
    check(error === "", `thin ${type} cannot be laid out: ${error} (${JSON.stringify(data)})`);
    check(empty.length === 0, `thin ${type} has empty boxes: ${empty.join(", ")} (${JSON.stringify(data)})`);
    check(!/undefined|NaN|\[object|Invalid Date|\bnull\b/.test(text), `thin ${type} shows: ${text}`);
  }
}

/** What upstreams say is text: no script runs, no address but http(s) is a link, no picture but one of a kind that may be shown. */
export async function judgesHostileData(page) {
  for (const [type, data] of HOSTILE) {
    const { error, links, pictures, scripts } = await layOut(page, type, data);
    check(error === "", `hostile ${type} cannot be laid out: ${error}`);
    check(links.every((link) => /^https?:/.test(link)), `hostile ${type} links to ${links.join(", ")}`);
    check(pictures.every((source) => source.startsWith("data:image/")), `hostile ${type} shows ${pictures.join(", ")}`);
    check(scripts === 0, `hostile ${type} brought elements of its own in`);
  }
  check(await page.evaluate(() => window.harmed === undefined), "a result ran a script");
}

/** The boxes of the result that hold nothing but their headings. */
export function emptyBoxes(page) {
  return page.evaluate(() => {
    const boxes = document.querySelectorAll("#outcome :is(section, .result-card, .card-part, .columns, .cards, .chips, .table-frame, dl, dd, li, td, p, h3, h4)");
    const length = (node) => node.textContent.trim().length;
    const headings = (node) => [...node.querySelectorAll(".chapter-title, .small-title")].reduce((sum, heading) => sum + length(heading), 0);
    const isEmpty = (node) => node.querySelector("img") === null && length(node) - headings(node) <= 0;
    return [...boxes].filter((node) => !node.matches(".chapter-title, .small-title") && isEmpty(node)).map((node) => node.className || node.tagName);
  });
}

// The raw JSON below every result is left out of what is judged.
function layOut(page, type, data) {
  return page.evaluate(async ([jobType, resultData]) => {
    const { resultView } = await import("/static/result-view.js");
    const box = document.getElementById("outcome");
    const judged = { error: "", text: "", links: [], pictures: [], scripts: 0 };
    try {
      box.replaceChildren(...resultView(jobType, { success: true, result_data: resultData }).filter((node) => !node.classList.contains("raw")));
    } catch (error) {
      judged.error = String(error);
      return judged;
    }
    const all = (selector) => [...box.querySelectorAll(selector)];
    await Promise.all(all("img").map((image) => image.decode().catch(() => null)));
    judged.text = box.textContent;
    judged.links = all("a").map((link) => link.href);
    judged.pictures = all("img").map((image) => image.src);
    judged.scripts = all("script, iframe, object, embed, link, style").length + all("img").filter((image) => image.alt === "").length;
    return judged;
  }, [type, data]);
}
