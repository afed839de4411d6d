// The result of campaigns: when each runs, and a card for each.
import { el } from "/static/dom.js";
import { count, label } from "/static/format.js";
import { cardPart, cards, chipList, day, heading, pairs, present, section, usageLine } from "/static/result-parts.js";
import { asList, asObject, asText } from "/static/value-view.js";

const DAY = 86_400_000;
/** The least width of a bar, as a share of the plan: a day must be seen beside a year. */
const THINNEST = 0.02;

/** The nodes of the campaigns; `personaNames` maps the ids of personas to their names, as far as they are known. */
export function campaignsView(result, personaNames) {
  const campaigns = asList(result.campaigns).map(asObject).map(dated);
  return present(
    heading({ name: count(campaigns.length, "campaign"), notes: [span(campaigns)], confidence: result.confidence }),
    section("Plan", plan(campaigns)),
    cards(campaigns.map((campaign) => card(campaign, personaNames))),
    usageLine(result),
  );
}

// Both days count: a campaign that starts and ends on one day runs for a day.
function dated(campaign) {
  const [start, end] = [day(campaign.start_date), day(campaign.end_date)];
  const isWhole = start !== null && end !== null && end.at >= start.at;
  return { ...campaign, start, end, days: isWhole ? Math.round((end.at - start.at) / DAY) + 1 : null };
}

function span(campaigns) {
  const whole = campaigns.filter(({ days }) => days !== null);
  if (whole.length === 0) return "";
  const first = whole.reduce((one, other) => (other.start.at < one.start.at ? other : one)).start;
  const last = whole.reduce((one, other) => (other.end.at > one.end.at ? other : one)).end;
  return `${first.words} to ${last.words}`;
}

function plan(campaigns) {
  const whole = campaigns.filter(({ days }) => days !== null);
  if (whole.length < 2) return null;
  const first = Math.min(...whole.map(({ start }) => start.at));
  const length = Math.max(...whole.map(({ end }) => end.at)) + DAY - first;
  return el("ol", { class: "plan" }, whole.map((campaign) => {
    const bar = el("span", { class: "plan-bar" });
    const share = Math.max(THINNEST, (campaign.days * DAY) / length);
    bar.style.setProperty("--from", String(Math.min(1 - share, (campaign.start.at - first) / length)));
    bar.style.setProperty("--share", String(share));
    return el("li", {}, el("span", { class: "plan-name", text: asText(campaign.name) || "Unnamed" }),
      el("span", { class: "plan-track", "aria-hidden": "true" }, bar), el("span", { class: "plan-days", text: count(campaign.days, "day") }));
  }));
}

function card(campaign, personaNames) {
  const facts = pairs([["Runs", days(campaign)], ["Budget", campaign.budget]]);
  facts?.classList.add("aligned");
  return present(
    el("div", { class: "campaign-head" },
      el("h4", { class: "card-name", text: asText(campaign.name) || "Unnamed campaign" }),
      asText(campaign.status) === "" ? null : el("span", { class: "status", text: label(asText(campaign.status)) })),
    asText(campaign.objective) === "" ? null : el("p", { class: "prose", text: asText(campaign.objective) }),
    facts,
    cardPart("Channels", chipList(campaign.channels)),
    cardPart("Personas", chipList(personas(campaign, personaNames))),
  );
}

function days({ start, end, days: long }) {
  if (long !== null) return `${start.words} to ${end.words}`;
  if (start !== null) return `from ${start.words}`;
  return end === null ? "" : `until ${end.words}`;
}

function personas(campaign, names) {
  return asList(campaign.target_audience_ids).map((id) => names.get(id) ?? `Persona ${asText(id).slice(0, 8)}`);
}
