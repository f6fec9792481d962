import { gate } from "../components/gate.js";
import { gateForm } from "../components/gate-form.js";
import { accountFields } from "../components/account-fields.js";

/** The first run: names the workspace and makes the owner. `submit(values)` sends it. */
export function setupPage(submit) {
  const form = gateForm({
    action: "Open the door",
    submit,
    explain: (error) =>
      error.code === "conflict" ? "Somebody has set up this Snug already. Reload the page to log in." : error.message,
    fields: [
      {
        name: "workspace",
        label: "Workspace",
        hint: "Your team, family or club.",
        autocomplete: "organization",
        maxlength: 80,
      },
      ...accountFields(),
    ],
  });
  return gate(
    {
      title: "Welcome to Snug",
      words: "A warm place for your people to talk. Name it, and make the account that looks after it.",
    },
    form,
  );
}
