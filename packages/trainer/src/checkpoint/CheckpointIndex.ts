import { createHash } from 'node:crypto';

/** Anything that survives JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
/** An object that survives JSON, such as the configuration of a run. */
export type JsonObject = { [key: string]: Json };

export interface FileEntry {
  bytes: number;
  sha256: string;
}

/** `checkpoint.json`: what a checkpoint is made of and what it takes to go on from it. */
export interface CheckpointIndex {
  format: 'scmoe-checkpoint';
  version: 2;
  /** Updates done. */
  step: number;
  created: string;
  versions: Record<string, string>;
  /** Whatever the program needs to build the same model and run again. */
  config: JsonObject;
  /** SHA-256 of the data the run was trained on. */
  dataFingerprint: string;
  optimizer: { name: string; stepCount: number };
  files: Record<string, FileEntry>;
}

export const indexFile = 'checkpoint.json';
export const modelFile = 'model.safetensors';
export const optimizerFile = 'optimizer.safetensors';
export const dataFile = 'data.json';

/** The index as text; its last entry is a checksum over all others, so that a damaged index is noticed too. */
export function formatIndex(index: CheckpointIndex): string {
  return JSON.stringify({ ...index, checksum: checksum(index) }, undefined, 2) + '\n';
}

/**
 * Reads an index back.
 *
 * @returns the index, or in one sentence what is wrong with it.
 */
export function parseIndex(text: string): CheckpointIndex | string {
  let value: Partial<CheckpointIndex> & { checksum?: string };
  try {
    value = JSON.parse(text) as typeof value;
  } catch (error) {
    return `${indexFile} is damaged: ${(error as Error).message}`;
  }
  if (typeof value !== 'object' || value === null || value.format !== 'scmoe-checkpoint') {
    return `${indexFile} is of another program: expected "format": "scmoe-checkpoint", got ${JSON.stringify(value?.format ?? null)}.`;
  }
  if (value.version !== 2) {
    return `${indexFile} is of another version: expected 2, got ${JSON.stringify(value.version)}.`;
  }
  const { checksum: expected, ...index } = value;
  const actual = checksum(index as CheckpointIndex);
  if (actual !== expected) return `${indexFile} is damaged: expected checksum ${expected}, got ${actual}.`;
  return index as CheckpointIndex;
}

function checksum(index: CheckpointIndex): string {
  return createHash('sha256').update(JSON.stringify(index)).digest('hex');
}
