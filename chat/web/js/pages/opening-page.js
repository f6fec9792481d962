import { addressOf } from "../address.js";
import { el } from "../dom.js";

/** Shown while the server is asked who is here, and while it is not ready to say. */
export function openingPage() {
  document.title = "Snug";
  const words = el("p", { role: "status" });
  const page = el(
    "main",
    { class: "gate", id: "content", tabindex: "-1" },
    el("div", { class: "gate-opening" }, el("img", { class: "gate-logo", src: addressOf("/icons/logo.svg"), alt: "Snug" }), words),
  );
  return {
    page,
    say(text) {
      words.textContent = text;
    },
  };
}
