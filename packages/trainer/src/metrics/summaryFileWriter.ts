import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs';

import { fileError } from '../fileError.js';
import { encodeEvent, type EventMessage, type SummaryValue } from './eventMessage.js';
import { histogram } from './histogram.js';
import { frameRecord } from './tfRecord.js';

const doubleType = 2; // DT_DOUBLE of types.proto
const sessionStart = 1; // SessionLog.START of event.proto

let filesOpened = 0;

/** Writes scalars and histograms to an event file that TensorBoard reads. */
export class SummaryFileWriter {
  private pending: Buffer[] = [];
  private lastFlush = Date.now();
  private readonly path: string;

  /** Use `summaryFileWriter`. */
  constructor(
    readonly logdir: string,
    private readonly maxQueue: number,
    private readonly flushMillis: number,
    filenameSuffix: string,
  ) {
    // TensorBoard sorts the files of a folder by name: the time first, then what tells writers of one second apart.
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${filesOpened++}${filenameSuffix}`;
    this.path = join(logdir, name);
    this.guard(() => mkdirSync(logdir, { recursive: true }));
    this.write({ wallTime: now(), fileVersion: 'brain.Event:2' });
    this.flush();
  }

  /**
   * Adds one point to the curve `name`.
   *
   * @param value a number or a scalar tensor, which is read at once
   */
  scalar(name: string, value: tf.Scalar | number, step: number, description?: string): void {
    const simpleValue = typeof value === 'number' ? value : value.dataSync()[0]!;
    this.summary(step, {
      tag: name,
      simpleValue,
      ...(description && { metadata: { summaryDescription: description } }),
    });
  }

  /**
   * Adds the distribution of `data` at one step.
   *
   * @param data values of any shape, which are read at once
   */
  histogram(name: string, data: tf.Tensor | number[], step: number, buckets?: number, description?: string): void {
    const bins = histogram(data instanceof tf.Tensor ? data.dataSync() : data, buckets);
    this.summary(step, {
      tag: name,
      tensor: {
        dtype: doubleType,
        tensorShape: { dim: [{ size: bins.length }, { size: 3 }] },
        doubleVal: bins.flat(),
      },
      metadata: { pluginData: { pluginName: 'histograms' }, summaryDescription: description ?? '' },
    });
  }

  /** Tells TensorBoard to forget what other files of the folder say about `step` and later: a resumed run repeats it. */
  restartAt(step: number): void {
    this.write({ wallTime: now(), step, sessionLog: { status: sessionStart } });
  }

  /**
   * Writes what is waiting.
   *
   * @throws UserError where the file can't be written
   */
  flush(): void {
    if (this.pending.length === 0) return;
    const bytes = Buffer.concat(this.pending);
    this.pending = [];
    this.lastFlush = Date.now();
    this.guard(() => appendFileSync(this.path, bytes));
  }

  private summary(step: number, value: SummaryValue): void {
    this.write({ wallTime: now(), step, summary: { value: [value] } });
  }

  private write(event: EventMessage): void {
    this.pending.push(frameRecord(encodeEvent(event)));
    if (this.pending.length >= this.maxQueue || Date.now() - this.lastFlush >= this.flushMillis) this.flush();
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw fileError(`write TensorBoard events ${this.path}`, error);
    }
  }
}

/**
 * Opens a TensorBoard event file in `logdir`; the signature is that of tfjs-node's `tf.node.summaryFileWriter`.
 *
 * @param maxQueue events kept in memory before they are written
 * @param flushMillis time after which they are written anyway, at the next event
 */
export function summaryFileWriter(
  logdir: string,
  maxQueue = 10,
  flushMillis = 120_000,
  filenameSuffix = '.v2',
): SummaryFileWriter {
  tf.util.assert(logdir.length > 0, () => 'summaryFileWriter: expected a folder, got an empty string.');
  return new SummaryFileWriter(logdir, maxQueue, flushMillis, filenameSuffix);
}

function now(): number {
  return Date.now() / 1000;
}
