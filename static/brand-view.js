// The result of brand_intelligence, laid out for reading. Nothing remote is loaded: logos are links, fonts are names.
import { el, outsideLink } from "/static/dom.js";
import { count, label } from "/static/format.js";
import { beside, chapter, chips, heading, hexOf, numbered, offer, present, section, swatches, table, text, usageLine } from "/static/result-parts.js";
import { asList, asObject, asText, isBlank } from "/static/value-view.js";

const LOGOS = 24;

/** The nodes of a brand's result; members that are missing or of an odd type are left out or shown as text. */
export function brandView(result) {
  const analysis = asObject(parsed(result.raw_analysis));
  const identity = asObject(analysis.brand);
  return present(
    heading({ name: asText(result.brand_name) || "Unnamed brand", tagline: result.tagline, address: analysis.url, confidence: result.analysis_confidence }),
    beside(text("Mission", result.mission), text("Vision", result.vision)),
    offer("Unique value proposition", result.unique_value_proposition),
    chips("Values", result.values),
    beside(text("Industry", result.industry), text("Target market", result.target_market)),
    beside(text("Tone", result.brand_tone), text("Voice", result.brand_voice)),
    numbered("Key messages", result.key_messages),
    beside(chips("Messaging themes", result.messaging_themes), chips("Content themes", result.content_themes)),
    chapter("Look", section("Colours", colours(identity.colors)), beside(fonts(identity.fonts), logos(identity.logos))),
    pages(analysis.pages),
    usageLine(result, provenance(result, analysis)),
  );
}

function colours(value) {
  const colors = asObject(value);
  const primary = new Set(asList(colors.primary).map(hexOf).filter((hex) => hex !== null));
  const uses = new Map();
  for (const item of [...asList(colors.primary), ...asList(colors.all), ...asList(Array.isArray(value) ? value : [])]) {
    const hex = hexOf(item);
    if (hex !== null) uses.set(hex, Math.max(uses.get(hex) ?? 0, Number(asObject(item).frequency) || 0));
  }
  return swatches([...uses].map(([hex, frequency]) => {
    return { hex, notes: [primary.has(hex) ? "primary" : "", frequency > 0 ? count(frequency, "use") : ""] };
  }));
}

function fonts(value) {
  const groups = Object.entries(Array.isArray(value) || typeof value === "string" ? { fonts: value } : asObject(value))
    .filter(([name, members]) => name !== "confidence" && !isBlank(members));
  if (groups.length === 0) return null;
  return section("Fonts", el("dl", { class: "pairs" }, groups.map(([name, members]) => {
    return el("div", {}, el("dt", { text: label(name) }), el("dd", { text: asList(members).map(asText).join(", ") }));
  })));
}

function logos(value) {
  const found = asObject(value);
  const items = [found.primary, ...asList(found.variations)].map(asObject).filter((logo) => typeof logo.src === "string" && logo.src !== "");
  if (items.length === 0) return null;
  return section("Logos", el("ul", { class: "plain-list" }, items.slice(0, LOGOS).map((logo) => {
    const shown = logo.src.startsWith("data:") ? `${logo.src.slice(0, 40)}…` : logo.src;
    return el("li", {}, outsideLink(logo.src, shown), isBlank(logo.alt) ? null : el("span", { class: "hint", text: ` “${asText(logo.alt)}”` }));
  })));
}

function pages(value) {
  const rows = asList(value).map((page) => (typeof page === "string" ? { url: page } : asObject(page))).filter((page) => !isBlank(page));
  return chapter(`Pages read (${rows.length})`, table({
    name: "Pages read", noun: "page", className: "pages", rows,
    columns: [{ title: "Page", cell: pageCell }, { title: "Words", className: "number", cell: (page) => wordsOf(page) }],
  }));
}

function pageCell(page) {
  const address = asText(page.url);
  return [
    el("span", { class: "page-title", text: asText(page.title) || "Untitled" }),
    address === "" ? null : el("span", { class: "page-address" }, outsideLink(address)),
    isBlank(page.description) ? null : el("span", { class: "page-description", text: asText(page.description) }),
  ];
}

function wordsOf(page) {
  const words = Number(page.wordCount);
  return Number.isFinite(words) && !isBlank(page.wordCount) ? words.toLocaleString() : "–";
}

function provenance(result, analysis) {
  return [
    Number.isFinite(result.pages_analyzed) ? `${count(result.pages_analyzed, "page")} analysed` : "",
    Number.isFinite(analysis.analysisTimeSeconds) ? `in ${analysis.analysisTimeSeconds.toFixed(1)} s` : "",
  ].filter(Boolean).join(" ");
}

// Some stores hand JSON columns back as text.
function parsed(value) {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}
