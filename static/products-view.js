// The result of products_services: a card for each thing the brand offers.
import { el, outsideLink } from "/static/dom.js";
import { bulletList, cardPart, cards, heading, present, usageLine } from "/static/result-parts.js";
import { asList, asObject, asText, isBlank, valueView } from "/static/value-view.js";

/** The nodes of the products and services. */
export function productsView(result) {
  const products = asList(result.products_services).map(asObject);
  return present(
    heading({ name: products.length === 1 ? "1 product or service" : `${products.length} products and services`, confidence: result.confidence }),
    cards(products.map(card)),
    usageLine(result),
  );
}

function card(product) {
  return present(
    el("h4", { class: "card-name", text: asText(product.name) || "Without a name" }),
    isBlank(product.category) ? null : el("p", { class: "category", text: asText(product.category) }),
    isBlank(product.price) ? null : el("p", { class: "price", text: asText(product.price) }),
    valueView(product.description),
    cardPart("Features", bulletList(product.features)),
    isBlank(product.image_url) ? null : el("p", { class: "hint" }, outsideLink(asText(product.image_url), "Picture")),
  );
}
