import { needsNode } from '@scmoe/errors';

import type * as files from './files.js';

export const describePretrained: typeof files.describePretrained = () => refuse('describePretrained');
export const isPretrainedFolder: typeof files.isPretrainedFolder = () => refuse('isPretrainedFolder');
export const loadAdapter: typeof files.loadAdapter = () => refuse('loadAdapter');
export const saveAdapter: typeof files.saveAdapter = () => refuse('saveAdapter');
export const loadPretrained: typeof files.loadPretrained = () => refuse('loadPretrained');
export const openPretrainedExperts: typeof files.openPretrainedExperts = () => refuse('openPretrainedExperts');
export const readHuggingFace: typeof files.readHuggingFace = () => refuse('readHuggingFace');
export const readPretrainedConfig: typeof files.readPretrainedConfig = () => refuse('readPretrainedConfig');
export const savePretrained: typeof files.savePretrained = () => refuse('savePretrained');

function refuse(name: string): Promise<never> {
  return Promise.reject(needsNode(name));
}
