import { createHash } from 'node:crypto';

import { ArgumentError, expectFinite, expectRecord, expectText, expectThat, expectWholeNumber } from '@scmoe/errors';

import { type CheckpointPart, checkPart } from './CheckpointPart.js';

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
  /** TF.js's name of the backend on which it was trained; those of before 2026-11-29 don't say. */
  backend?: string;
  /** Whatever the program needs to build the same model and run again. */
  config: JsonObject;
  /** SHA-256 of the data the run was trained on. */
  dataFingerprint: string;
  /** Loss on the validation split, where the run evaluated it at this step. */
  validationLoss?: number;
  optimizer: { name: string; stepCount: number };
  /** Whose part this is, where ranks have saved a part each. */
  part?: CheckpointPart;
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
 * Reads an index back, whoever has written it: nothing of it is used before it has been looked at.
 *
 * @returns the index, or in one sentence what is wrong with it.
 */
export function parseIndex(text: string): CheckpointIndex | string {
  let value: Record<string, unknown> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch (error) {
    return `${indexFile} is damaged: ${(error as Error).message}`;
  }
  if (typeof value !== 'object' || value === null || value['format'] !== 'scmoe-checkpoint') {
    return `${indexFile} is of another program: expected "format": "scmoe-checkpoint", got ${short(value?.['format'] ?? null)}.`;
  }
  if (value['version'] !== 2) {
    return `${indexFile} is of another version: expected 2, got ${short(value['version'])}.`;
  }
  const { checksum: expected, ...index } = value;
  let actual: string;
  try {
    actual = checksum(index);
  } catch {
    // The only thing that parsing takes and writing does not: more depth than the stack has.
    return `${indexFile} is no index of a checkpoint: it is nested too deeply.`;
  }
  if (actual !== expected) {
    return `${indexFile} is damaged: expected checksum ${short(expected)}, got ${actual}.`;
  }
  try {
    checkFields(index);
    return index as unknown as CheckpointIndex;
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    return `${indexFile} is no index of a checkpoint: ${error.message}.`;
  }
}

/** @throws ArgumentError naming the field that is missing or of another kind */
function checkFields(index: Record<string, unknown>): void {
  const { step, created, versions, backend, config, dataFingerprint, validationLoss, optimizer, part, files } = index;
  expectWholeNumber('step', step);
  expectText('created', created);
  expectRecord('versions', versions);
  if (backend !== undefined) expectText('backend', backend);
  expectRecord('config', config);
  expectText('dataFingerprint', dataFingerprint);
  if (validationLoss !== undefined) expectFinite('validationLoss', validationLoss);
  expectRecord('optimizer', optimizer);
  expectText('optimizer.name', optimizer['name']);
  expectWholeNumber('optimizer.stepCount', optimizer['stepCount']);
  if (part !== undefined) checkPart(part);
  expectRecord('files', files);
  // No others: a name may be a path out of the folder.
  const names = [modelFile, optimizerFile, dataFile];
  expectThat(Object.keys(files).sort().join() === names.sort().join(), 'files', names.join(', '), Object.keys(files));
  for (const name of names) {
    const file = files[name];
    expectRecord(`files['${name}']`, file);
    expectWholeNumber(`files['${name}'].bytes`, file['bytes']);
    const { sha256 } = file;
    const isHash = typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
    expectThat(isHash, `files['${name}'].sha256`, '64 hexadecimal digits', sha256);
  }
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none');
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function checksum(index: object): string {
  return createHash('sha256').update(JSON.stringify(index)).digest('hex');
}
