// The result of products_services: a card for each thing the brand offers.
import { el, outsideLink } from "/static/dom.js";
import { count } from "/static/format.js";
import { bulletList, cardPart, cards, heading, present, usageLine } from "/static/result-parts.js";
import { asList, asObject, asText, isBlank, valueView } from "/static/value-view.js";

/** The nodes of the products and services. */
export function productsView(result) {
  const products = asList(result.products_services).map(asObject);
  return present(
    heading({ name: count(products.length, "offer"), confidence: result.confidence }),
    cards(products.map(card)),
    usageLine(result),
  );
}

function card(product) {
  return present(
    el("div", { class: "product-head" },
      el("h4", { class: "card-name", text: asText(product.name) || "Without a name" }),
      isBlank(product.price) ? null : el("span", { class: "price", text: asText(product.price) })),
    isBlank(product.category) ? null : el("p", { class: "category", text: asText(product.category) }),
    valueView(product.description),
    cardPart("Features", bulletList(product.features)),
    isBlank(product.image_url) ? null : el("p", { class: "hint" }, outsideLink(asText(product.image_url), "Picture")),
  );
}
