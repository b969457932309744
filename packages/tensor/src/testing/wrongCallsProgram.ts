// Calls every function of the addon wrongly; see addon/nativeCalls.test.ts.
import { openSync } from 'node:fs';

import { tensorSignatures, tryWrongCalls } from '@scmoe/native/signatures/tables';

import { loadAddon } from '../addon/loadAddon.js';

const signatures = Object.assign({}, ...Object.values(tensorSignatures)) as Parameters<typeof tryWrongCalls>[1];
const addon = loadAddon();
// A capture of one call, to be made again and forgotten.
addon.beginCapture({ isDry: false });
addon.copyPastCaches({ bytes: 1, source: new Uint8Array(1), target: new Uint8Array(1) });
const capture = addon.endCapture();
// A file that is long enough for two bytes from its third on.
const descriptor = openSync(import.meta.filename, 'r');
const map = addon.mapFile({ descriptor, bytes: 64 });
// Two rows of a weight have one block of scales; two heads of two queries, keys and values have twelve components.
const fills = {
  ...{ slots: -1, blocks: 1, blocksIn: 1, blocksHidden: 1, perToken: 12, headSize: 1, pairs: 0 },
  ...{ capture, descriptor, map },
};
tryWrongCalls(addon, signatures, { fills, taken: ['bytes'], wrongOnly: ['linkCapture'] });
