import { ArgumentError } from '@scmoe/errors';
import {
  checkCluster,
  checkMeasuredCosts,
  checkModelShape,
  clusterPresets,
  modelPresets,
  type Cluster,
  type MeasuredCosts,
  type ModelShape,
} from '@scmoe/scheduler';

import { readText } from './files.js';

/** Names of the clusters that need no file. */
export const clusterNames = Object.keys(clusterPresets);
/** Names of the models that need no file. */
export const modelNames = Object.keys(modelPresets);

/** The cluster of a preset's name, or that of a file. @throws ArgumentError where it is neither */
export function readCluster(nameOrFile: string): Cluster {
  return described(nameOrFile, 'cluster', clusterPresets, checkCluster);
}

/** The model of a preset's name, or that of a file. @throws ArgumentError where it is neither */
export function readModel(nameOrFile: string): ModelShape {
  return described(nameOrFile, 'model', modelPresets, checkModelShape);
}

/** The measured costs of a file. @throws ArgumentError where it holds none */
export function readMeasuredCosts(file: string): MeasuredCosts {
  return readDescription(file, checkMeasuredCosts);
}

function described<Description>(
  nameOrFile: string,
  what: string,
  presets: Readonly<Record<string, Description>>,
  check: (description: Description) => void,
): Description {
  const preset = Object.hasOwn(presets, nameOrFile) ? presets[nameOrFile] : undefined;
  if (preset) return preset;
  if (!nameOrFile.endsWith('.json')) {
    const names = Object.keys(presets).join(', ');
    throw new ArgumentError(`unknown ${what} '${nameOrFile}'; there are ${names}, or a file ending in .json`);
  }
  return readDescription(nameOrFile, check);
}

function readDescription<Description>(file: string, check: (description: Description) => void): Description {
  const text = readText(file);
  try {
    const description = JSON.parse(text) as Description;
    check(description);
    return description;
  } catch (error) {
    if (error instanceof SyntaxError) throw new ArgumentError(`${file}: expected JSON: ${error.message}`);
    throw error instanceof ArgumentError ? new ArgumentError(`${file}: ${error.message}`) : error;
  }
}
