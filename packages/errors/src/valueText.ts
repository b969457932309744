import { escapeControls } from './plainText.js';

const longest = 200;

/** A value as an error shows it: as in a program, since JSON has no NaN, infinity and undefined; cut where it is long. */
export function valueText(value: unknown): string {
  const whole = wholeText(value);
  return whole.length > longest ? `${whole.slice(0, longest)}... (${whole.length} characters)` : whole;
}

function wholeText(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint' || value === undefined) return String(value);
  try {
    return escapeControls(JSON.stringify(value) ?? typeof value); // a function has no JSON
  } catch {
    return typeof value; // a circle, or a bigint inside
  }
}
