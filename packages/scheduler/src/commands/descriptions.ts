import { ArgumentError } from '@scmoe/errors';

import { checkCluster, type Cluster } from '../cluster/Cluster.js';
import { checkMeasuredCosts, type MeasuredCosts } from '../cluster/measuredMachine.js';
import { checkModelShape, type ModelShape } from '../cluster/ModelShape.js';
import { clusterPresets, modelPresets } from '../cluster/presets.js';
import { readText } from './files.js';

export const clusterNames = Object.keys(clusterPresets);
export const modelNames = Object.keys(modelPresets);

/** @throws ArgumentError where it is neither a preset nor a file that describes a cluster */
export function readCluster(nameOrFile: string): Cluster {
  return described(nameOrFile, 'cluster', clusterPresets, checkCluster);
}

/** @throws ArgumentError where it is neither a preset nor a file that describes a model */
export function readModel(nameOrFile: string): ModelShape {
  return described(nameOrFile, 'model', modelPresets, checkModelShape);
}

/** @throws ArgumentError where the file holds no measured costs */
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
  try {
    const description = JSON.parse(readText(file)) as Description;
    check(description);
    return description;
  } catch (error) {
    if (error instanceof ArgumentError || error instanceof SyntaxError) {
      throw new ArgumentError(`${file}: ${error.message}`);
    }
    throw error;
  }
}
