import { el } from "../dom.js";
import { formField } from "./form-field.js";

/**
 * A form in front of the workspace. `submit(values)` does the work; an ApiError it throws is shown at
 * the fields concerned or above the button, in the words `explain(error)` chooses.
 */
export function gateForm({ fields, action, submit, explain = (error) => error.message }) {
  const made = fields.map(formField);
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const button = el("button", { type: "submit", class: "button button-primary" }, action);
  const form = el("form", { novalidate: true, onsubmit: send }, ...made.map((field) => field.element), problem, button);

  async function send(event) {
    event.preventDefault();
    if (button.ariaBusy === "true" || !allFilled()) {
      return;
    }
    show("");
    button.ariaBusy = "true";
    try {
      await submit(Object.fromEntries(made.map(({ input }) => [input.name, valueOf(input)])));
    } catch (error) {
      showError(error);
    } finally {
      button.ariaBusy = null;
    }
  }

  function allFilled() {
    for (const { input, setProblem } of made) {
      setProblem(problemWith(input));
    }
    return !focusFirstInvalid();
  }

  function showError(error) {
    for (const { input, setProblem } of made) {
      setProblem(error.fields?.[input.name] ?? "");
    }
    if (!focusFirstInvalid()) {
      show(explain(error));
    }
  }

  function focusFirstInvalid() {
    const invalid = form.querySelector("[aria-invalid]");
    invalid?.focus();
    return invalid !== null;
  }

  function show(text) {
    problem.textContent = text;
    problem.hidden = !text;
  }

  return form;
}

function problemWith(input) {
  const { length } = valueOf(input);
  if (length === 0) {
    return "is needed";
  }
  return length < input.minLength ? `must have at least ${input.minLength} characters` : "";
}

/** Passwords are taken as typed; of everything else the space around it is no part. */
function valueOf(input) {
  return input.name === "password" ? input.value : input.value.trim();
}
