import { el } from "../dom.js";
import { avatarColour, initials } from "../model/people.js";

/** A person's initials on the person's colour; decorative, the name is written beside it. */
export function avatar(person, { small = false, presence = false } = {}) {
  const classes = ["avatar", `avatar-colour-${avatarColour(person.id)}`, small && "avatar-small"];
  return el(
    "span",
    { class: classes.filter(Boolean).join(" "), "aria-hidden": "true" },
    initials(person.display_name),
    presence ? el("span", { class: "avatar-presence" }) : null,
  );
}
