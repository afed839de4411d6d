// The result of competitor_analysis: what to know and to do first, then the parts of the analysis, then the ads it was drawn from.
import { el, outsideLink } from "/static/dom.js";
import { count, label } from "/static/format.js";
import { beside, bullets, chapter, chips, day, heading, hexOf, numbered, offer, present, section, shortAddress, swatches, table, text, usageLine } from "/static/result-parts.js";
import { asList, asObject, asText, isBlank } from "/static/value-view.js";

const FORMATS = { DCO: "Dynamic", DPA: "Catalogue" };

/** The nodes of a competitor's analysis. */
export function competitorView(result) {
  const ads = asList(result.ads_data, 1_000).map(asObject);
  return present(
    heading({
      name: asText(result.competitor_name) || "Unnamed competitor",
      address: result.competitor_website,
      notes: [adCount(result, ads), range(result), isBlank(result.facebook_page) ? "" : `Facebook page ${asText(result.facebook_page)}`],
      confidence: result.analysis_confidence,
    }),
    text("Overview", result.overview),
    offer("Positioning", result.positioning),
    beside(numbered("Key findings", result.key_findings), numbered("Recommendations", result.recommendations)),
    creative(asObject(result.creative_strategy)),
    messaging(asObject(result.messaging_analysis)),
    visual(asObject(result.visual_design_elements)),
    audience(asObject(result.target_audience_insights)),
    performance(asObject(result.performance_indicators)),
    chapter(adCount(result, ads), adTable(ads)),
    usageLine(result),
  );
}

function adCount(result, ads) {
  return count(Number.isInteger(result.total_ads_analyzed) ? result.total_ads_analyzed : ads.length, "ad");
}

function range(result) {
  const [first, last] = [day(result.analysis_start_date), day(result.analysis_end_date)];
  if (first && last) return `begun from ${first.words} to ${last.words}`;
  if (first) return `begun on ${first.words} or later`;
  return last ? `begun on ${last.words} or earlier` : "";
}

function creative(strategy) {
  return chapter("Creative strategy",
    beside(chips("Formats", strategy.ad_formats), chips("Themes", strategy.common_themes)),
    bullets("Patterns", strategy.creative_patterns),
    text("Frequency", strategy.frequency));
}

function messaging(analysis) {
  return chapter("Messaging",
    text("Tone", analysis.tone),
    beside(bullets("Key messages", analysis.key_messages), bullets("Value propositions", analysis.value_propositions)),
    chips("Calls to action", analysis.ctas));
}

// The model may name colours in words; those are chips, the others swatches.
function visual(elements) {
  const colours = asList(elements.colors);
  return chapter("Visual design",
    section("Colours", swatches(colours.map((colour) => ({ hex: hexOf(colour), notes: [] })))),
    chips("Colours in words", colours.filter((colour) => hexOf(colour) === null)),
    beside(text("Imagery", elements.imagery_style), text("Typography", elements.typography), text("Consistency", elements.branding_consistency)));
}

function audience(insights) {
  return chapter("Whom the ads address",
    beside(text("Demographics", insights.demographics), text("Psychographics", insights.psychographics)),
    chips("Pain points", insights.pain_points));
}

function performance(indicators) {
  return chapter("Signs of performance",
    beside(text("Engagement", indicators.engagement_patterns), text("Frequency", indicators.ad_frequency), text("Timing", indicators.timing)));
}

function adTable(ads) {
  return table({
    name: "Ads", noun: "ad", className: "ads", rows: ads,
    columns: [
      { title: "Ad", className: "wide", cell: adCell },
      { title: "Format", cell: (ad) => formatName(ad.display_format) },
      { title: "Platforms", cell: (ad) => asList(ad.publisher_platform).map((name) => label(asText(name))).join(", ") || "–" },
      { title: "Days", className: "number", cell: (ad) => (Number.isFinite(ad.running_days) ? Math.round(ad.running_days).toLocaleString() : "–") },
      { title: "Live", cell: liveCell },
      { title: "Call to action", cell: (ad) => asText(ad.cta_title) || label(asText(ad.cta_type).toLowerCase()) || "–" },
    ],
  });
}

// Pictures and films are links: nothing is loaded from where an ad says it is.
function adCell(ad) {
  const links = [["Page", ad.link_url], ["Thumbnail", ad.thumbnail], ["Picture", ad.image], ["Video", ad.video]].filter(([, address]) => !isBlank(address));
  return [
    el("span", { class: "page-title", text: asText(ad.headline) || asText(ad.name) || "Without a headline" }),
    isBlank(ad.description) ? null : el("span", { class: "page-description", text: asText(ad.description) }),
    links.length === 0 ? null : el("span", { class: "ad-links" }, links.map(([word, address]) => {
      return el("span", { title: shortAddress(asText(address)) }, outsideLink(asText(address), word));
    })),
  ];
}

function formatName(format) {
  const name = asText(format);
  return FORMATS[name.toUpperCase()] ?? (label(name.toLowerCase()) || "–");
}

function liveCell(ad) {
  if (typeof ad.live !== "boolean") return "–";
  return el("span", { class: "live", "data-holds": String(ad.live), text: ad.live ? "Live" : "Ended" });
}
