import { escapeControls } from './plainText.js';

/**
 * A name as it stands in a list: as it is, or in quotes with escapes, as JSON has it, where it holds a comma, a quote, a
 * colon, a backslash or a control character, or begins or ends with a space, or is empty.
 */
export function nameText(name: string): string {
  const json = escapeControls(JSON.stringify(name));
  return json === `"${name}"` && name !== '' && name === name.trim() && !/[,:]/.test(name) ? name : json;
}
