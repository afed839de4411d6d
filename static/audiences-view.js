// The result of target_audiences: a card for each persona.
import { el } from "/static/dom.js";
import { count } from "/static/format.js";
import { bulletList, cardPart, cards, chipList, heading, pairs, present, usageLine } from "/static/result-parts.js";
import { asList, asObject, asText, valueView } from "/static/value-view.js";

/** The nodes of the personas. */
export function audiencesView(result) {
  const personas = asList(result.target_audiences).map(asObject);
  return present(
    heading({ name: count(personas.length, "persona"), confidence: result.confidence }),
    cards(personas.map(card)),
    usageLine(result),
  );
}

function card(persona) {
  const name = asText(persona.name) || "Unnamed persona";
  const who = asObject(persona.demographics);
  const mind = asObject(persona.psychographics);
  return present(
    el("div", { class: "persona-head" },
      el("span", { class: "initial", "aria-hidden": "true", text: [...name][0].toUpperCase() }),
      el("h4", { class: "card-name", text: name })),
    valueView(persona.description),
    demographics(who),
    cardPart("Goals", bulletList(mind.goals)),
    cardPart("Pain points", bulletList(mind.pain_points)),
    cardPart("Interests", chipList(mind.interests)),
    cardPart("Values", chipList(mind.values)),
    cardPart("Lifestyle", valueView(mind.lifestyle)),
    cardPart("How they buy", valueView(mind.buying_behavior)),
  );
}

function demographics(who) {
  const list = pairs([
    ["Age", who.age_range], ["Gender", who.gender], ["Place", who.location],
    ["Occupation", who.occupation], ["Education", who.education], ["Income", who.income_level],
  ]);
  list?.classList.add("aligned");
  return list;
}
