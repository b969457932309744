/** The anchors of a Markdown text: GitHub's for every heading, and explicit ones (`<a id="...">`). */
export function anchorsOf(markdown) {
  const text = withoutCode(markdown);
  const explicit = [...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id);
  const seen = new Map();
  const ofHeadings = [...text.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading]) => {
    const slug = slugOf(heading);
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  return new Set([...explicit, ...ofHeadings]);
}

/** Fenced blocks hold no links and no headings. */
export function withoutCode(markdown) {
  return markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '');
}

function slugOf(heading) {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-');
}
