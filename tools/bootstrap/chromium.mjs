// The browser that the tests drive: SCMOE_CHROMIUM, then CHROME_PATH, then what is on the PATH.
// Run as a program it prints one line for Nx, which repeats the tests where the browser has changed.
import { statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export const browserAdvice = 'install one (Debian: apt-get install chromium), or name it with SCMOE_CHROMIUM';

const isFile = (path) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** Path of a Chromium or Chrome, or undefined. A path that the user names has to be right. */
export function findChromium(env = process.env) {
  const named = env.SCMOE_CHROMIUM || env.CHROME_PATH;
  if (named) return isFile(named) ? named : undefined;
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isFile);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = findChromium();
  console.log(path ? `${path} ${statSync(path).mtimeMs}` : 'no browser');
}
