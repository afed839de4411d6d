// The result of brand_intelligence, laid out for reading. Nothing remote is loaded: logos are links, fonts are names.
import { el, outsideLink } from "/static/dom.js";
import { count, label } from "/static/format.js";
import { asList, asObject, asText, isBlank, valueView } from "/static/value-view.js";

const HEX = /^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i;
const SWATCHES = 24;
const PAGES = 100;

/** The nodes of a brand's result; members that are missing or of an odd type are left out or shown as text. */
export function brandView(result) {
  const analysis = asObject(parsed(result.raw_analysis));
  const identity = asObject(analysis.brand);
  return [
    heading(result, analysis),
    pair([["Mission", result.mission], ["Vision", result.vision]]),
    quote("Unique value proposition", result.unique_value_proposition),
    chips("Values", result.values),
    grid(result),
    list("Key messages", result.key_messages),
    beside(chips("Messaging themes", result.messaging_themes), chips("Content themes", result.content_themes)),
    colours(identity.colors),
    beside(fonts(identity.fonts), logos(identity.logos)),
    pages(analysis.pages),
    provenance(result, analysis),
  ].filter((node) => node !== null);
}

function heading(result, analysis) {
  const address = asText(analysis.url);
  return el("header", { class: "brand-heading" },
    el("h3", { class: "brand-name", text: asText(result.brand_name) || "Unnamed brand" }),
    isBlank(result.tagline) ? null : el("p", { class: "brand-tagline", text: asText(result.tagline) }),
    address === "" ? null : el("p", { class: "brand-address" }, outsideLink(address)),
    confidence(result.analysis_confidence));
}

function confidence(value) {
  const number = typeof value === "string" ? Number.parseFloat(value) : value;
  if (!Number.isFinite(number) || number < 0) return null;
  const percent = Math.min(100, Math.round(number <= 1 ? number * 100 : number));
  return el("p", { class: "confidence" }, el("span", { text: "Confidence" }),
    el("meter", { min: 0, max: 100, value: percent, "aria-label": "Confidence of the analysis" }),
    el("span", { class: "figure", text: `${percent} %` }));
}

function section(title, ...content) {
  return el("section", { class: "result-section" }, el("h3", { class: "small-title", text: title }), ...content);
}

function pair(entries) {
  return beside(...entries.map(([title, value]) => (isBlank(value) ? null : section(title, valueView(value)))));
}

function beside(...sections) {
  const filled = sections.filter((node) => node !== null);
  return filled.length === 0 ? null : el("div", { class: "columns" }, filled);
}

function grid(result) {
  return pair([
    ["Industry", result.industry],
    ["Target market", result.target_market],
    ["Tone", result.brand_tone],
    ["Voice", result.brand_voice],
  ]);
}

function quote(title, value) {
  return isBlank(value) ? null : el("section", { class: "result-section offer" }, el("h3", { class: "small-title", text: title }), valueView(value));
}

function chips(title, value) {
  const items = asList(value);
  return items.length === 0 ? null : section(title, el("ul", { class: "chips" }, items.map((item) => el("li", { text: asText(item) }))));
}

function list(title, value) {
  const items = asList(value);
  return items.length === 0 ? null : section(title, el("ul", { class: "messages" }, items.map((item) => el("li", { text: asText(item) }))));
}

function colours(value) {
  const colors = asObject(value);
  const primary = new Set(asList(colors.primary).map((item) => hexOf(item)).filter(Boolean));
  const seen = new Map();
  for (const item of [...asList(colors.primary), ...asList(colors.all), ...asList(Array.isArray(value) ? value : [])]) {
    const hex = hexOf(item);
    if (hex !== null) seen.set(hex, Math.max(seen.get(hex) ?? 0, Number(asObject(item).frequency) || 0));
  }
  if (seen.size === 0) return null;
  const items = [...seen].slice(0, SWATCHES).map(([hex, frequency]) => swatch(hex, frequency, primary.has(hex)));
  return section("Colours", el("ul", { class: "swatches" }, items));
}

function hexOf(item) {
  const hex = typeof item === "string" ? item : asObject(item).hex;
  return typeof hex === "string" && HEX.test(hex.trim()) ? hex.trim().toUpperCase() : null;
}

function swatch(hex, frequency, isPrimary) {
  const colour = el("span", { class: "swatch-colour", "aria-hidden": "true" });
  colour.style.setProperty("background-color", hex);
  const notes = [isPrimary ? "primary" : "", frequency > 0 ? count(frequency, "use") : ""].filter(Boolean).join(", ");
  return el("li", { class: "swatch" }, colour, el("code", { text: hex }), el("span", { class: "hint", text: notes }));
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
  return section("Logos", el("ul", { class: "plain-list" }, items.slice(0, SWATCHES).map((logo) => {
    const shown = logo.src.startsWith("data:") ? `${logo.src.slice(0, 40)}…` : logo.src;
    return el("li", {}, outsideLink(logo.src, shown), isBlank(logo.alt) ? null : el("span", { class: "hint", text: ` “${asText(logo.alt)}”` }));
  })));
}

function pages(value) {
  const rows = asList(value).map((page) => (typeof page === "string" ? { url: page } : asObject(page))).filter((page) => !isBlank(page));
  if (rows.length === 0) return null;
  const table = el("table", { class: "pages" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col", text: "Page" }), el("th", { scope: "col", class: "number", text: "Words" }))),
    el("tbody", {}, rows.slice(0, PAGES).map(pageRow)));
  return section(`Pages read (${rows.length})`, table);
}

function pageRow(page) {
  const address = asText(page.url);
  const words = Number(page.wordCount);
  return el("tr", {},
    el("td", {},
      el("span", { class: "page-title", text: asText(page.title) || "Untitled" }),
      address === "" ? null : el("span", { class: "page-address" }, outsideLink(address)),
      isBlank(page.description) ? null : el("span", { class: "page-description", text: asText(page.description) })),
    el("td", { class: "number", text: Number.isFinite(words) && !isBlank(page.wordCount) ? words.toLocaleString() : "–" }));
}

function provenance(result, analysis) {
  const usage = asObject(result.usage);
  const parts = [
    Number.isFinite(result.pages_analyzed) ? `${count(result.pages_analyzed, "page")} analysed` : "",
    Number.isFinite(analysis.analysisTimeSeconds) ? `in ${analysis.analysisTimeSeconds.toFixed(1)} s` : "",
  ].filter(Boolean).join(" ");
  const tokens = Number.isFinite(usage.input_tokens) && Number.isFinite(usage.output_tokens)
    ? `${usage.input_tokens.toLocaleString()} tokens in, ${usage.output_tokens.toLocaleString()} out` : "";
  const text = [parts, typeof result.model === "string" ? result.model : "", tokens].filter(Boolean).join(" · ");
  return text === "" ? null : el("p", { class: "hint provenance", text });
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
