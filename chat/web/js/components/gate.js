import { addressOf } from "../address.js";
import { el } from "../dom.js";

/** The frame of a page in front of the workspace: logo, title, a few words, and what is to be done. */
export function gate({ title, words, foot = [] }, ...content) {
  document.title = `${title} – Snug`;
  return el(
    "main",
    { class: "gate", id: "content", tabindex: "-1" },
    el(
      "div",
      { class: "gate-card" },
      el("img", { class: "gate-logo", src: addressOf("/icons/logo.svg"), alt: "Snug" }),
      el("div", { class: "gate-head" }, el("h1", {}, title), el("p", {}, words)),
      ...content,
      foot.length > 0 ? el("p", { class: "gate-foot" }, ...foot) : null,
    ),
  );
}
