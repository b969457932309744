// The Jest transform of our TypeScript: swc's, with the globals of inner loops looked up once in each module. Tests run in a vm
// context, where each use of a global asks the context's interceptor: Math.imul takes a hundred times as long as in a module
// of Node's own, and a model of a few thousand random numbers seconds.
import { createTransformer as createSwcTransformer } from '@swc/jest';

const globals = [
  'Math',
  'Number',
  'Array',
  'Object',
  'Float32Array',
  'Float64Array',
  'Int32Array',
  'Uint8Array',
  'Uint32Array',
];
// On the first line: all others keep their numbers.
const prelude = `const { ${globals.join(', ')} } = globalThis; `;

export default {
  createTransformer(options) {
    const swc = createSwcTransformer(options);
    return {
      canInstrument: swc.canInstrument,
      getCacheKey: (...args) => `${swc.getCacheKey(...args)}-${globals.join('-')}`,
      process: (...args) => withPrelude(swc.process(...args)),
      processAsync: async (...args) => withPrelude(await swc.processAsync(...args)),
    };
  },
};

function withPrelude({ code, ...rest }) {
  return { ...rest, code: prelude + code };
}
