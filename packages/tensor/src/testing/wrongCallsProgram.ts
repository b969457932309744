// Calls every function of the addon wrongly; see addon/nativeCalls.test.ts.
import { tensorSignatures, tryWrongCalls } from '@scmoe/native/signatures/tables';

import { loadAddon } from '../addon/loadAddon.js';

const signatures = Object.assign({}, ...Object.values(tensorSignatures)) as Parameters<typeof tryWrongCalls>[1];
tryWrongCalls(loadAddon(), signatures, { fills: { slots: -1 }, taken: ['bytes'] });
