import { basename, relative } from 'node:path';

/** How this program was started, so that the commands it proposes can be pasted: `node apps/lm-train/dist/main.js`. */
export function commandName(script = process.argv[1]): string {
  if (script === undefined || basename(script) === 'lm-train') return 'lm-train';
  return `node ${relative(process.cwd(), script)}`;
}
