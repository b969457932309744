import { useBackend } from '@scmoe/tensor';
import OpenAI from 'openai';

import type { ServedModel } from '../model/ServedModel.js';
import type { ServerOptions } from '../server/ServerOptions.js';
import { startServer, type RunningServer } from '../startServer.js';
import { tinyModel } from './tinyModel.js';

let model: ServedModel | undefined;

/** The model of a test file, made before its tests and disposed after them. */
export function serveTinyModel(): void {
  beforeAll(async () => {
    await useBackend('auto', { threads: 1 });
    model = tinyModel();
  });
  afterAll(() => model!.model.dispose());
}

export const served = (): ServedModel => model!;

export const apiKey = 'sk-test-0123456789';
export const messages = [{ role: 'user' as const, content: 'What is it?' }];

/** A client without second tries: every answer is seen. */
export const clientOf = (server: RunningServer, key = apiKey) =>
  new OpenAI({ baseURL: server.url, apiKey: key, maxRetries: 0 });

/** Gives a server of the model, and a client of it, to `use`, and ends it. */
export async function withServer<T>(
  options: ServerOptions,
  use: (client: OpenAI, server: RunningServer) => Promise<T>,
  model = served(),
): Promise<T> {
  const server = await startServer(model, { port: 0, apiKey, ...options });
  try {
    return await use(clientOf(server), server);
  } finally {
    await server.close({ graceMs: 0 });
  }
}

/** A request as no client of ours would make it. */
export const post = async (server: RunningServer, path: string, body: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}`, ...headers },
  });
  return { status: response.status, body: (await response.json()) as { error: Record<string, unknown> } };
};

/** The value of a metric that the server has. */
export const metric = async (server: RunningServer, name: string) => {
  const url = new URL('/metrics', server.url);
  const text = await (await fetch(url, { headers: { authorization: `Bearer ${apiKey}` } })).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
};

/** All that a stream gives. */
export async function chunksOf<Chunk>(stream: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** Resolves when it holds. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}
