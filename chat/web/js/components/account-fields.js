import { suggestUsername } from "../model/people.js";

/** The fields of a new account. A username is suggested from the name until somebody types one. */
export function accountFields() {
  let suggested = "";
  function suggest(event) {
    const username = event.target.form.elements.namedItem("username");
    if (username.value === suggested) {
      suggested = suggestUsername(event.target.value);
      username.value = suggested;
    }
  }
  return [
    {
      name: "display_name",
      label: "Your name",
      hint: "As the others see it.",
      autocomplete: "name",
      maxlength: 80,
      oninput: suggest,
    },
    {
      name: "username",
      label: "Username",
      hint: "For logging in.",
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
    },
    {
      name: "password",
      label: "Password",
      hint: "At least 8 characters; a short sentence is good.",
      type: "password",
      autocomplete: "new-password",
      minlength: 8,
      maxlength: 200,
    },
  ];
}
