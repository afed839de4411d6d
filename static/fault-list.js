// Faults that the demo's upstreams can be asked for, each with a button that fills in the form. Which there are: docs/FAULTS.md.
import { byId, el } from "/static/dom.js";
import { fillIn } from "/static/start-form.js";

/** The page itself is a site that can always be read. */
const SITE = `${location.origin}/?`;

const FAULTS = [
  ["brand_intelligence", "url", `${SITE}fault=gtm:reset*1`, "The connection breaks in the middle of the analysis. The job waits a moment, tries again and completes."],
  ["brand_intelligence", "url", `${SITE}fault=gtm:silence*1`, "The analysis falls silent after three events. After a minute without a word the attempt is given up, and the next one completes."],
  ["competitor_analysis", "competitor_name", "Acme fault=foreplay:rate-limited*1", "The ad library asks to come back in a second. The job does, and completes."],
  ["competitor_analysis", "competitor_name", "Acme fault=foreplay:no-credits", "The account has no credits left. The job fails at once and says what to do: waiting would not help."],
  ["competitor_analysis", "competitor_name", "Acme fault=foreplay:no-ads", "There are no ads of that name. The job says so, and asks the model nothing."],
  ["target_audiences", "audience_description", "Tea drinkers fault=claude:overloaded*2", "Claude is overloaded twice. The third attempt completes."],
  ["target_audiences", "audience_description", "Tea drinkers fault=claude:cut-off*1", "The answer of the model is cut off. A longer one is asked for within the same attempt."],
  ["target_audiences", "audience_description", "Tea drinkers fault=claude:refusal", "Claude declines to answer. The job fails at once: asking again would get the same answer."],
];

/** Fills the list; `onFilled` hears that the form is ready to be looked at. */
export function mountFaultList(onFilled) {
  byId("fault-list").replaceChildren(...FAULTS.map(([jobType, field, value, effect]) => {
    const name = value.slice(value.indexOf("fault="));
    const fill = () => {
      onFilled();
      fillIn(jobType, field, value);
    };
    return el("li", {},
      el("button", { type: "button", class: "button small", onclick: fill }, "Fill in", el("span", { class: "visually-hidden", text: ` ${name}` })),
      el("div", {}, el("code", { text: name }), el("p", { text: effect })));
  }));
}
