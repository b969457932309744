import { needsNode } from '@scmoe/errors';

import type * as files from './files.js';

export const loadPretrained: typeof files.loadPretrained = () => refuse('loadPretrained');
export const loadPretrainedLongcatFlash: typeof files.loadPretrainedLongcatFlash = () =>
  refuse('loadPretrainedLongcatFlash');
export const loadPretrainedVit: typeof files.loadPretrainedVit = () => refuse('loadPretrainedVit');
export const readHuggingFace: typeof files.readHuggingFace = () => refuse('readHuggingFace');
export const readPretrainedVitConfig: typeof files.readPretrainedVitConfig = () => refuse('readPretrainedVitConfig');
export const savePretrained: typeof files.savePretrained = () => refuse('savePretrained');
export const savePretrainedLongcatFlash: typeof files.savePretrainedLongcatFlash = () =>
  refuse('savePretrainedLongcatFlash');
export const savePretrainedVit: typeof files.savePretrainedVit = () => refuse('savePretrainedVit');

function refuse(name: string): Promise<never> {
  return Promise.reject(needsNode(name));
}
