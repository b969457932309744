// Lets node run the workspace's TypeScript as it is: node -C @scmoe/source --import ./runSource.mjs main.ts
// Tests start the program so, as a process of its own, and need no build.
import { register } from 'node:module';

register('./sourceHooks.mjs', import.meta.url);
