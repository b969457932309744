/**
 * A number of a config.json that Python has to read as a float: transformers refuses 0 where it wants 0.0, and JSON in
 * JavaScript has no way to write that.
 */
export class Float {
  constructor(readonly value: number) {}

  /** Stands in the text until {@link formatJson} takes its quotes away. */
  toJSON(): string {
    const text = String(this.value);
    return `${mark}${/^-?\d+$/.test(text) ? `${text}.0` : text}`;
  }
}

const mark = 'float:';

/** A configuration as text, with its floats as such. */
export function formatJson(value: object): string {
  const text = JSON.stringify(value, undefined, 2);
  return text.replace(new RegExp(`"${mark}([-+.\\de]+)"`, 'g'), '$1');
}
