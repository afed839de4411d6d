// Whether text stands out from what is behind it, as WCAG 2.2 asks for at level AA (success criterion 1.4.3).
// Must not judge what cannot be seen, is switched off, or is a picture.
import { check } from "./person.mjs";

/** Checks all text that the page shows now. */
export async function standsOut(page, what) {
  const faint = await page.evaluate(findFaint);
  check(faint.length === 0, `${what} has text that hardly stands out: ${faint.slice(0, 5).join("; ")}`);
}

/** Runs in the page. The background of a text is what lies behind it in its ancestors; pictures and gradients are not looked at. */
function findFaint() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [red, green, blue], alpha: alpha / 255 };
  };
  const over = (front, alpha, back) => front.map((value, index) => value * alpha + back[index] * (1 - alpha));
  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ancestors = (node) => (node === null ? [] : [node, ...ancestors(node.parentElement)]);
  const behind = (node) => ancestors(node).reverse().reduce((back, each) => {
    const { rgb, alpha } = rgba(getComputedStyle(each).backgroundColor);
    return over(rgb, alpha, back);
  }, rgba("Canvas").rgb);
  const isOff = (node) => node.closest("[disabled], [aria-disabled=true], option, [aria-hidden=true], .visually-hidden, .skip-link, noscript") !== null;

  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() === "" || isOff(node) || !node.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(node);
    const [size, weight] = [parseFloat(style.fontSize), Number(style.fontWeight)];
    const wanted = size >= 24 || (size >= 18.66 && weight >= 700) ? 3 : 4.5;
    const back = behind(node);
    const { rgb, alpha } = rgba(style.color);
    const opacity = ancestors(node).reduce((all, each) => all * Number(getComputedStyle(each).opacity), 1);
    const [dark, light] = [luminance(over(rgb, alpha * opacity, back)), luminance(back)].sort((one, other) => one - other);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < wanted) faint.push(`“${texts.currentNode.data.trim().slice(0, 30)}” (${ratio.toFixed(2)} of ${wanted})`);
  }
  return faint;
}
