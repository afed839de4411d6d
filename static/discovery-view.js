// The result of page_discovery: what the site covers, which pages to read first, and all pages found.
import { el, outsideLink } from "/static/dom.js";
import { count, label } from "/static/format.js";
import { badge, chapter, heading, present, section, shortAddress, table } from "/static/result-parts.js";
import { asList, asObject, asText, isBlank } from "/static/value-view.js";

const PAGES = 1_000;

/** The nodes of a site's pages. */
export function discoveryView(result) {
  const pages = asList(result.pages, PAGES).map((page) => (typeof page === "string" ? { url: page } : asObject(page)));
  const insights = asObject(result.insights);
  const address = asText(result.url);
  return present(
    heading({ name: shortAddress(address) || "Pages", address, notes: [found(result, pages), words(insights), taken(result)] }),
    section("What the site covers", coverage(asObject(insights.coverage))),
    section("Read these first", recommended(insights.recommendedForAnalysis, pages)),
    chapter(`Pages (${pages.length})`, pageTable(pages)),
  );
}

function found(result, pages) {
  const all = Number.isInteger(result.total_pages_found) ? result.total_pages_found : pages.length;
  return all > pages.length ? `${count(all, "page")} found, ${pages.length.toLocaleString()} of them listed` : `${count(pages.length, "page")} found`;
}

function words({ totalWordCount: all, successfulScrapes: read }) {
  if (!Number.isFinite(all) || all <= 0) return "";
  return count(all, "word") + (Number.isFinite(read) && read > 0 ? `, ${count(read, "page")} read` : "");
}

function taken(result) {
  const time = asText(asObject(result.metadata).analysisTime);
  return time === "" ? "" : `in ${time}`;
}

function coverage(flags) {
  const known = Object.entries(flags).filter(([, holds]) => typeof holds === "boolean");
  return known.length === 0 ? null : el("ul", { class: "badges-row" }, known.map(([name, holds]) => badge(covered(name), holds)));
}

// `hasServiceArea` → `Service area`
function covered(name) {
  return label(name.replace(/^has/, "").replace(/([a-z])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`));
}

function recommended(addresses, pages) {
  const items = asList(addresses).map(asText);
  if (items.length === 0) return null;
  return el("ul", { class: "plain-list" }, items.map((address) => {
    const title = asText(pages.find((page) => page.url === address)?.title);
    return el("li", {}, outsideLink(address, title || shortAddress(address)), title === "" ? null : el("span", { class: "hint", text: ` ${shortAddress(address)}` }));
  }));
}

// The scale of the relevance is not known, so a bar compares with the best of the list.
function pageTable(pages) {
  const best = Math.max(0, ...pages.map((page) => Number(page.relevanceScore) || 0));
  return table({
    name: "Pages", noun: "page", className: "found-pages", rows: pages,
    columns: [
      { title: "Page", className: "wide", cell: pageCell },
      { title: "Category", cell: (page) => label(asText(page.category)) || "–" },
      { title: "Relevance", cell: (page) => relevance(page.relevanceScore, best) },
      { title: "Reason", className: "reason", cell: (page) => asText(page.reason) || "–" },
      { title: "Words", className: "number", cell: (page) => (Number.isFinite(page.wordCount) ? page.wordCount.toLocaleString() : "–") },
    ],
  });
}

function pageCell(page) {
  const address = asText(page.url);
  return present(
    el("span", { class: "page-title", text: asText(page.title) || "Untitled" }),
    address === "" ? null : el("span", { class: "page-address" }, outsideLink(address, shortAddress(address))),
  );
}

function relevance(score, best) {
  const number = Number(score);
  if (isBlank(score) || !Number.isFinite(number)) return "–";
  return el("span", { class: "relevance" }, el("meter", { min: 0, max: best || 1, value: Math.max(0, number), "aria-hidden": "true" }), ` ${number.toLocaleString()}`);
}
