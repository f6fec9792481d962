import { addressOf } from "./address.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Attributes by name, of which false and null are left out and true is empty;
 * `on…` names add listeners; children are nodes or text, null is left out.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else {
      setAttribute(element, name, value);
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Sets an attribute; false and null remove it, true leaves it empty. */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? "" : value);
  }
}

/** An icon of icons/icons.svg; it says nothing to screen readers, what it is on has the name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", addressOf(`/icons/icons.svg#${name}`));
  svg.append(use);
  return svg;
}

/**
 * Makes the children of `parent` those of `rows`, in order, and keeps the element of each row that was
 * there before: with it focus, selection and scroll position.
 *
 * make(row) makes an element; update(element, row), if given, changes the one that is there.
 */
export function renderKeyed(parent, rows, { key, make, update = () => {} }) {
  const held = new Map(Array.from(parent.children, (child) => [child.dataset.key, child]));
  const wanted = rows.map((row) => {
    const rowKey = key(row);
    let element = held.get(rowKey);
    if (element) {
      held.delete(rowKey);
      update(element, row);
    } else {
      element = make(row);
      element.dataset.key = rowKey;
    }
    return element;
  });
  held.forEach((element) => element.remove());
  wanted.forEach((element, index) => {
    if (parent.children[index] !== element) {
      parent.insertBefore(element, parent.children[index] ?? null);
    }
  });
}
