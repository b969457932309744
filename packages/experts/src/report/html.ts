import { plainText } from '@scmoe/errors';

/** Text as it stands between tags and in attributes; what has no place in a page is left out. */
export function escapeHtml(text: string): string {
  return plainText(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

/** A token as something that can be seen: spaces and line ends have signs of their own. */
export function visibleToken(text: string): string {
  const shown = text.replace(/\n/g, '\u21b5').replace(/\t/g, '\u21e5').replace(/ /g, '\u2423');
  return escapeHtml(shown) || '\u2205';
}

/** A table of numbers as a picture: the greater, the darker. */
export function heatTable(
  values: readonly (readonly number[])[],
  { title, names, most }: { title: string; names: readonly string[]; most: number },
): string {
  const cell = (value: number, isOwn: boolean) => {
    if (isOwn) return '<td class="own"></td>';
    const depth = Math.max(0, Math.min(1, value / most));
    const text = Math.round(100 * value);
    return `<td style="background:rgba(8,48,107,${depth.toFixed(3)});color:${depth > 0.5 ? '#fff' : '#222'}">${text === 0 ? '' : text}</td>`;
  };
  const head = `<tr><th></th>${names.map((name) => `<th>${escapeHtml(name)}</th>`).join('')}</tr>`;
  const rows = values.map(
    (row, i) => `<tr><th>${escapeHtml(names[i]!)}</th>${row.map((value, j) => cell(value, i === j)).join('')}</tr>`,
  );
  return `<figure><figcaption>${title}</figcaption><table class="heat">${head}${rows.join('')}</table></figure>`;
}
