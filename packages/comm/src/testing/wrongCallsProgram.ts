// Calls every function of an engine's addon wrongly: node wrongCallsProgram.ts gloo; see engine/nativeCalls.test.ts.
import type { CommFunctions } from '@scmoe/native/signatures';
import { commSignatures, tryWrongCalls } from '@scmoe/native/signatures/tables';

import { findEngineAddon } from '../engine/commAddon.js';

const engine = process.argv[2] as 'gloo' | 'nccl';
const { addon, problem } = findEngineAddon<CommFunctions>(engine, '');
if (!addon) throw new Error(problem);
// No communicator is open: a call that is right in itself ends there.
tryWrongCalls(addon, { ...commSignatures.communicator, ...commSignatures[engine] }, { rightToo: false });
