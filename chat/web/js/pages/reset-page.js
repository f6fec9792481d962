import { addressOf } from "../address.js";
import { el } from "../dom.js";
import { gate } from "../components/gate.js";
import { gateForm } from "../components/gate-form.js";

/** Choosing a new password with a link of somebody who looks after the workspace. `submit(values)` sends it. */
export function resetPage(submit) {
  const form = gateForm({
    action: "Keep it",
    submit,
    explain: (error) =>
      error.code === "not_found"
        ? "This link no longer works: it is good once, for a day. Ask whoever sent it for a new one."
        : error.message,
    fields: [
      {
        name: "password",
        label: "New password",
        hint: "At least 8 characters; a short sentence is good.",
        type: "password",
        autocomplete: "new-password",
        minlength: 8,
        maxlength: 200,
      },
    ],
  });
  return gate(
    {
      title: "Choose a new password",
      words: "It counts from now on. Wherever else you are logged in, you will be asked for it.",
      foot: ["You remember the old one? ", el("a", { href: addressOf("/") }, "Go to the workspace"), "."],
    },
    form,
  );
}
