import { gate } from "../components/gate.js";
import { gateForm } from "../components/gate-form.js";

/** Logging in. `submit(values)` sends it. */
export function loginPage(workspaceName, submit) {
  const form = gateForm({
    action: "Log in",
    submit,
    fields: [
      {
        name: "username",
        label: "Username",
        autocomplete: "username",
        autocapitalize: "none",
        spellcheck: "false",
      },
      { name: "password", label: "Password", type: "password", autocomplete: "current-password" },
    ],
  });
  return gate(
    {
      title: "Good to see you",
      words: `Log in to join the conversation at ${workspaceName}.`,
      foot: ["New here? Ask somebody in your workspace for an invite link."],
    },
    form,
  );
}
