import { addressOf } from "../address.js";
import { el } from "../dom.js";
import { accountFields } from "../components/account-fields.js";
import { gate } from "../components/gate.js";
import { gateForm } from "../components/gate-form.js";

/** Registration with an invite. `submit(values)` sends it. */
export function invitePage(workspaceName, submit) {
  const form = gateForm({
    action: "Come in",
    submit,
    explain: (error) =>
      error.code === "not_found"
        ? "This invite link no longer works: it has run out or was used up. Ask whoever sent it for a new one."
        : error.message,
    fields: accountFields(),
  });
  return gate(
    {
      title: `Come and join ${workspaceName}`,
      words: "Somebody saved you a seat. Make your account, and come in.",
      foot: ["You have an account already? ", el("a", { href: addressOf("/") }, "Go to the workspace"), "."],
    },
    form,
  );
}
