import { el, icon } from "../dom.js";

/** A modal dialog with a title and a button that closes it; so does a click beside it. */
export function modal({ id, title, hint }, ...children) {
  const heading = el("h2", { id: `${id}-title` }, title);
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": `${id}-title`, onclick: (event) => event.target === dialog && dialog.close() },
    el(
      "div",
      { class: "dialog-body" },
      el(
        "header",
        { class: "dialog-head" },
        el("div", {}, heading, hint ? el("p", {}, hint) : null),
        el("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close")),
      ),
      ...children,
    ),
  );
  return { dialog, heading };
}

/** A place for what went wrong. attempt(action) runs an action and shows its error there; it returns whether it went well. */
export function problemPlace() {
  const element = el("p", { class: "problem", role: "alert", hidden: true });
  async function attempt(action) {
    let problem = "";
    try {
      await action();
    } catch (error) {
      const [field, why] = Object.entries(error.fields ?? {})[0] ?? [];
      problem = field ? `${field[0].toUpperCase()}${field.slice(1).replace("_", " ")} ${why}.` : error.message;
    }
    element.textContent = problem;
    element.hidden = !problem;
    return !problem;
  }
  return { element, attempt };
}
