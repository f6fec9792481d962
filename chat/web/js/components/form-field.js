import { el, setAttribute } from "../dom.js";

/**
 * A labelled input with a hint and a place for what is wrong with it.
 * Returns {element, input, setProblem(text)}.
 */
export function formField({ name, label, hint = "", ...attributes }) {
  const hintId = `${name}-hint`;
  const problemId = `${name}-problem`;
  const input = el("input", { id: name, name, required: true, ...attributes });
  const problem = el("p", { id: problemId, class: "field-problem", hidden: true });
  const described = hint ? hintId : null;
  setAttribute(input, "aria-describedby", described);
  const element = el(
    "div",
    { class: "field" },
    el("div", { class: "field-head" }, el("label", { for: name }, label), hint ? el("span", { id: hintId, class: "field-hint" }, hint) : null),
    attributes.type === "password" ? withReveal(input) : input,
    problem,
  );
  function setProblem(text) {
    problem.textContent = text ? sentence(label, text) : "";
    problem.hidden = !text;
    setAttribute(input, "aria-invalid", text ? "true" : null);
    setAttribute(input, "aria-describedby", text ? problemId : described);
  }
  return { element, input, setProblem };
}

/** The server says "must be …" or "is …" of a field: the label makes it a sentence. */
function sentence(label, text) {
  return /^[a-z]/.test(text) ? `${label} ${text}.` : text;
}

function withReveal(input) {
  const button = el("button", { type: "button", class: "text-button", "aria-pressed": "false", onclick: toggle }, "Show");
  button.setAttribute("aria-label", "Show password");
  function toggle() {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(shown));
    input.focus();
  }
  return el("div", { class: "password" }, input, button);
}
