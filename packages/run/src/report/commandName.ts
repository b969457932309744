import { basename, relative } from 'node:path';

/** How the program `name` was started, so that commands it proposes can be pasted: `node apps/lm-train/dist/main.js`. */
export function commandName(name: string, script = process.argv[1]): string {
  if (script === undefined || basename(script) === name) return name;
  return `node ${relative(process.cwd(), script)}`;
}
