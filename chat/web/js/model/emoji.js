const FEW_EMOJI = /^(?:\p{Extended_Pictographic}(?:\u{FE0F}|\u{200D}\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,3}$/u;

/** Whether a message is nothing but one to three emoji, which are shown large. */
export function isFewEmoji(body) {
  return FEW_EMOJI.test(body.trim());
}
