import { defineConfig } from 'tsup';

import preset from '../../tsup.preset.js';

export default defineConfig({ ...(preset as object), entry: ['src/index.ts', 'src/cli.ts'] });
