import { el } from "../dom.js";
import { initials } from "../model/people.js";

/** A person's initials on a colour, 1 to 8; decorative, the name is written beside it. */
export function avatar(person, colour, { small = false, presence = false } = {}) {
  const classes = ["avatar", `avatar-colour-${colour}`, small && "avatar-small"];
  return el(
    "span",
    { class: classes.filter(Boolean).join(" "), "aria-hidden": "true" },
    initials(person.display_name),
    presence ? el("span", { class: "avatar-presence" }) : null,
  );
}
