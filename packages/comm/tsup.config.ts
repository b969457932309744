import { defineConfig } from 'tsup';

import preset from '../../tsup.preset.js';

export default defineConfig({
  ...(preset as object),
  entry: { index: 'src/index.ts', launch: 'src/launch/index.ts', storeWorker: 'src/rendezvous/storeWorker.ts' },
});
