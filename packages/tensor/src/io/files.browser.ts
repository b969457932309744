import { needsNode } from '@scmoe/errors';

import type * as files from './files.js';

/** Nothing to register: `file://` means nothing to a page. TF.js's own `indexeddb://` and `downloads://` are there. */
export const registerFileHandlers: typeof files.registerFileHandlers = () => undefined;

export const lazilyMapped: typeof files.lazilyMapped = () => ({ numbers: () => undefined, close: () => undefined });
export const openSafetensors: typeof files.openSafetensors = () => refuse('openSafetensors');
export const readSafetensors: typeof files.readSafetensors = () => refuse('readSafetensors');
export const writeSafetensors: typeof files.writeSafetensors = () => refuse('writeSafetensors');
export const layOutSafetensors: typeof files.layOutSafetensors = () => {
  throw needsNode('layOutSafetensors');
};

function refuse(name: string): Promise<never> {
  return Promise.reject(needsNode(name));
}
