// The result of brand_extraction: colours, typefaces, logos and the screenshot. Typefaces and logos are not loaded from outside.
import { el, outsideLink } from "/static/dom.js";
import { count } from "/static/format.js";
import { cards, chapter, heading, hexOf, pairs, present, section, shortAddress, swatches } from "/static/result-parts.js";
import { asList, asObject, asText, isBlank } from "/static/value-view.js";

const PICTURE_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "image/svg+xml"];
/** The longest picture that is shown, in characters of base64: some 12 MB. */
const LONGEST_PICTURE = 16_000_000;
const SAMPLE = "The quick brown fox jumps over the lazy dog 0123456789";

/** The nodes of a site's look. */
export function extractionView(result) {
  const summary = asObject(result.summary);
  const logos = asObject(result.logos);
  const address = asText(result.url);
  return present(
    heading({ name: shortAddress(address) || "Brand", address, notes: [taken(result)], confidence: summary.confidence }),
    chapter("Colours", section("Palette", palette(result.colors)), section("Colours in the logo", logoColours(logos.logoColors))),
    chapter("Typefaces", cards(faces(asObject(result.typography))), section("Headings", headings(asObject(result.typography).headings))),
    chapter("Logos", logoList([["Logo", [logos.primary]], ["Other pictures", logos.alternates], ["Icons", logos.favicons]])),
    screenshot(asObject(result.screenshot)),
  );
}

function taken(result) {
  const time = asText(asObject(result.metadata).extractionTime);
  return time === "" ? "" : `extracted in ${time}`;
}

function palette(colors) {
  const listed = asList(Array.isArray(colors) ? colors : asObject(colors).palette);
  return swatches(listed.map((item) => {
    const { role, coverage, frequency, inLogo } = asObject(item);
    return { hex: hexOf(item), notes: [asText(role), share(coverage) || uses(frequency), inLogo === true ? "in the logo" : ""] };
  }));
}

function logoColours(colours) {
  return swatches(asList(colours).map((item) => ({ hex: hexOf(item), notes: [uses(asObject(item).frequency)] })));
}

function share(coverage) {
  return isBlank(coverage) ? "" : `${asText(coverage)} of the page`;
}

function uses(frequency) {
  return Number.isFinite(frequency) && frequency > 0 ? count(frequency, "use") : "";
}

// The full form has `display` and `body`, the thin one `primary`; whatever names a family is shown.
function faces(typography) {
  const named = Object.entries(typography).map(([place, face]) => [place, typeof face === "string" ? { family: face } : asObject(face)]);
  return named.filter(([, face]) => !isBlank(face.family)).map(([place, face]) => specimen(place, face));
}

function specimen(place, face) {
  const family = asText(face.family);
  const example = asList(face.examples).map(asText).find((text) => text !== "") ?? SAMPLE;
  const weights = asList(face.weights ?? face.weight).map(asText);
  const facts = pairs([
    ["Weights", weights.join(", ")],
    ["Size", Number.isFinite(face.avgSize) ? `${Math.round(face.avgSize * 10) / 10} px on average` : ""],
    ["Used for", share(face.coverage).replace("of the page", "of the text")],
  ]);
  facts?.classList.add("aligned");
  return present(
    el("p", { class: "small-title", text: { display: "Display", body: "Running text", primary: "Primary" }[place] ?? place }),
    inFace(el("h4", { class: "face-name", text: family }), family, weights.at(-1)),
    inFace(el("p", { class: "face-sample", text: example }), family, weights[0]),
    facts,
  );
}

// Only if the reader's machine has the typeface: the quoted name cannot bring an address in.
function inFace(node, family, weight) {
  node.style.setProperty("font-family", `"${family.replace(/["\\\n\r\f]/g, "")}", var(--sans)`);
  if (/^[1-9]00$/.test(weight ?? "")) node.style.setProperty("font-weight", weight);
  return node;
}

function headings(levels) {
  const found = Object.entries(asObject(levels)).map(([level, face]) => [level.toUpperCase(), asObject(face)]);
  const list = pairs(found.map(([level, { family, weight, size }]) => {
    return [level, [asText(family), asText(weight), Number.isFinite(size) ? `${Math.round(size * 10) / 10} px` : ""].filter(Boolean).join(" · ")];
  }));
  list?.classList.add("aligned");
  return list;
}

function logoList(groups) {
  return groups.map(([title, value]) => {
    const logos = asList(value).map((logo) => (typeof logo === "string" ? { src: logo } : asObject(logo))).filter(({ src }) => !isBlank(src));
    return section(title, logos.length === 0 ? null : el("ul", { class: "plain-list" }, logos.map(logoLine)));
  });
}

function logoLine(logo) {
  const source = asText(logo.src);
  const shown = source.startsWith("data:") ? `${source.slice(0, 40)}…` : shortAddress(source);
  const notes = [
    Number.isFinite(logo.width) && Number.isFinite(logo.height) ? `${logo.width} × ${logo.height} px` : "",
    asText(logo.alt) === "" ? "" : `“${asText(logo.alt)}”`,
    Number.isFinite(logo.score) ? `score ${logo.score}` : "",
  ].filter(Boolean);
  return el("li", {}, outsideLink(source, shown), notes.length === 0 ? null : el("span", { class: "hint", text: ` ${notes.join(" · ")}` }));
}

// What came with the answer is shown in an <img>, where even an SVG runs no script and loads nothing; what did not is a link.
function screenshot(shot) {
  const source = pictureOf(shot);
  const link = isBlank(shot.url) ? null : el("p", { class: "prose" }, outsideLink(asText(shot.url)));
  if (source === null) return chapter("Screenshot", link);
  const size = Number.isFinite(shot.width) && Number.isFinite(shot.height) ? { width: shot.width, height: shot.height } : {};
  return chapter("Screenshot",
    el("figure", { class: "screenshot" }, el("img", { src: source, alt: "Screenshot of the site", ...size }),
      shot.simulated === true ? el("figcaption", { class: "hint", text: "Simulated: this is not a picture of the site." }) : null),
    link);
}

function pictureOf(shot) {
  if (typeof shot.data !== "string" || shot.data.length > LONGEST_PICTURE) return null;
  const [, stated, data] = /^(?:data:([a-z+/-]+);base64,)?([A-Za-z0-9+/=\s]+)$/.exec(shot.data) ?? [];
  const type = stated ?? shot.type ?? "image/png";
  return data !== undefined && PICTURE_TYPES.includes(type) ? `data:${type};base64,${data.replace(/\s+/g, "")}` : null;
}
