/**
 * What a terminal does not show but obeys: control characters but for line end and tab, line ends of Unicode, and marks
 * that turn the direction of writing.
 */
const controls =
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Text of somebody else as a terminal may show it: what would move its cursor or change its colours is left out. */
export function plainText(text: string): string {
  return text.replace(controls, '');
}

/** The same in JSON, which escapes only some of them by itself. */
export function escapeControls(json: string): string {
  return json.replace(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
