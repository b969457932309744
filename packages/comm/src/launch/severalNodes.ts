import { setTimeout as sleep } from 'node:timers/promises';

import { formatDuration } from '../rendezvous/formatDuration.js';
import { RendezvousError } from '../rendezvous/RendezvousError.js';
import { StoreClient } from '../rendezvous/StoreClient.js';
import { StoreServer } from '../rendezvous/StoreServer.js';
import { WatchClient, type Notice } from '../rendezvous/WatchClient.js';
import { countFailure, type Failures } from './FailureCount.js';
import { LaunchError } from './LaunchError.js';
import type { LaunchSettings } from './launchSettings.js';
import { attemptToken, freePort, type Attempt, type News, type Nodes } from './Nodes.js';

/** What node 0 decides for all, or why there is no attempt and which other nodes are to hear of it. */
type Plan = { ranks: number[]; maxRestarts: number; masterPort: number } | { error: string; present: number[] };

/** What a host's ranks say of their progress; a key of the store holds no undefined. */
type Reached = { reached?: number | undefined };

/** Time that the last nodes have to hear how it ended, before node 0 takes the store away. */
const farewellMs = 10_000;

/** A run on several hosts: node 0 serves the store, and the launchers agree over it and watch each other. */
export async function severalNodes(settings: LaunchSettings): Promise<Nodes> {
  const { endpoint, bind, token, nodeRank, rendezvousTimeoutMs } = settings;
  const server = nodeRank === 0 ? await StoreServer.listen({ host: bind, port: endpoint.port, token }) : undefined;
  const address = { host: endpoint.host, port: server?.port ?? endpoint.port, token };
  let store: StoreClient;
  try {
    store = await StoreClient.connect({ ...address, timeoutMs: rendezvousTimeoutMs });
  } catch (error) {
    await server?.close();
    throw error;
  }
  const context: Context = { settings, server, store, address, failures: { inVain: 0, progress: undefined } };
  return {
    begin: (number) => begin(number, context),
    close: async () => {
      store.close();
      await server?.close();
    },
  };
}

interface Context {
  settings: LaunchSettings;
  server: StoreServer | undefined;
  store: StoreClient;
  address: { host: string; port: number; token: string };
  /** Node 0's count, which lives as long as the run: the launchers of other nodes may be started anew. */
  failures: Failures;
}

async function begin(wanted: number, context: Context): Promise<Attempt> {
  const { settings, server, store, address } = context;
  const { nodeRank, nodes, token, rendezvousTimeoutMs: timeoutMs } = settings;
  if (server !== undefined) await putJson(store, 'launch/attempt', wanted);

  let resolveNews!: (news: News) => void;
  const news = new Promise<News>((resolve) => (resolveNews = resolve));
  const gone = new Set<number>();
  const onNotice = (notice: Notice) => {
    if (notice.kind === 'dead') gone.add(notice.rank!);
    resolveNews(readNotice(notice));
  };
  const { number, watch } = await joinAttempt(wanted, context, onNotice);
  const key = (name: string) => `launch/${number}/${name}`;
  await putJson(store, key(`ranks/${nodeRank}`), settings.ranksHere);

  if (server !== undefined) {
    const plan = await makePlan(store, key, settings);
    if (!('error' in plan)) server.openRoom(attemptToken(token, number));
    await putJson(store, key('plan'), plan);
    // The others read why before the store goes.
    if ('error' in plan) await allHave(store, plan.present, (node) => key(`read/${node}`));
  }
  const plan = await getJson<Plan>(store, key('plan'), timeoutMs + farewellMs);
  if ('error' in plan) {
    if (server === undefined) await putJson(store, key(`read/${nodeRank}`), true).catch(() => undefined);
    watch.leave();
    throw new LaunchError(plan.error);
  }
  const { ranks, maxRestarts, masterPort } = plan;
  const others = Array.from({ length: nodes }, (_, node) => node).filter((node) => node !== nodeRank);
  return {
    number,
    firstRank: ranks.slice(0, nodeRank).reduce((sum, count) => sum + count, 0),
    worldSize: ranks.reduce((sum, count) => sum + count, 0),
    maxRestarts,
    endpoint: { host: address.host, port: address.port },
    masterPort,
    token: attemptToken(token, number),
    news,
    firstCause: () => server?.firstCause(attemptToken(token, number)),
    tell: (own) => watch.abort(JSON.stringify({ ...own, text: own.text.slice(0, 400) })),
    finish: async () => {
      try {
        await putJson(store, key(`done/${nodeRank}`), true);
        // Not bounded: a host may have more work than another one; its death is news.
        for (const node of others) await getJson(store, key(`done/${node}`), 2 ** 31 - 1);
      } catch (error) {
        resolveNews({ kind: 'failed', exitCode: 1, text: (error as Error).message, final: true });
        await new Promise(() => undefined);
      }
    },
    countFailure: async (reached) => {
      await putJson(store, key(`reached/${nodeRank}`), { reached } satisfies Reached);
      if (server !== undefined) {
        const present = others.filter((node) => !gone.has(node));
        const said = await Promise.allSettled(
          present.map((node) => getJson<Reached>(store, key(`reached/${node}`), settings.graceMs + farewellMs)),
        );
        const all = said.map((answer) => (answer.status === 'fulfilled' ? answer.value.reached : undefined));
        const furthest = Math.max(...[reached, ...all].map((value) => value ?? -Infinity));
        context.failures = countFailure(context.failures, furthest === -Infinity ? undefined : furthest);
        await putJson(store, key('failures'), context.failures);
      }
      return getJson<Failures>(store, key('failures'), settings.graceMs + 2 * farewellMs);
    },
    leave: async ({ last }) => {
      await putJson(store, key(`left/${nodeRank}`), true).catch(() => undefined);
      if (last && server !== undefined) {
        const present = others.filter((node) => !gone.has(node));
        await allHave(store, present, (node) => key(`left/${node}`));
      }
      watch.leave();
      server?.closeRoom(attemptToken(token, number));
    },
  };
}

/** Joins the launchers' group of an attempt. A launcher that was itself restarted waits for the attempt after its death. */
async function joinAttempt(
  wanted: number,
  { settings, store, address }: Context,
  onNotice: (notice: Notice) => void,
): Promise<{ number: number; watch: WatchClient }> {
  const { nodeRank: rank, nodes: size, rendezvousTimeoutMs: timeoutMs } = settings;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const current = await getJson<number>(store, 'launch/attempt', Math.max(1, deadline - performance.now()));
    const number = Math.max(wanted, current);
    try {
      const group = `launch-${number}`;
      return { number, watch: await WatchClient.join({ ...address, group, rank, size, timeoutMs, onNotice }) };
    } catch (error) {
      const hasDied = error instanceof RendezvousError && error.failure === 'left';
      if (!hasDied || performance.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

async function makePlan(
  store: StoreClient,
  key: (name: string) => string,
  { nodes, maxRestarts, rendezvousTimeoutMs: timeoutMs }: LaunchSettings,
): Promise<Plan> {
  const numbers = Array.from({ length: nodes }, (_, node) => node);
  const answers = await Promise.allSettled(
    numbers.map((node) => getJson<number>(store, key(`ranks/${node}`), timeoutMs)),
  );
  const missing = numbers.filter((node) => answers[node]!.status === 'rejected');
  if (missing.length > 0) {
    const who = `node${missing.length > 1 ? 's' : ''} ${missing.join(', ')} of ${nodes}`;
    const present = numbers.filter((node) => node > 0 && !missing.includes(node));
    return { error: `Missing ${who}: no launcher came within ${formatDuration(timeoutMs)}.`, present };
  }
  const ranks = answers.map((answer) => (answer as PromiseFulfilledResult<number>).value);
  return { ranks, maxRestarts, masterPort: await freePort() };
}

/** Waits until nodes have set keys, at most for a farewell. */
async function allHave(store: StoreClient, nodes: number[], key: (node: number) => string): Promise<void> {
  await Promise.allSettled(nodes.map((node) => getJson(store, key(node), farewellMs)));
}

function readNotice({ kind, rank, text }: Notice): News {
  if (kind === 'lost')
    return { kind: 'failed', exitCode: 1, text: `The launcher of node 0 is gone: ${text}.`, final: true };
  if (kind === 'dead') return { kind: 'failed', exitCode: 1, text: `The launcher of node ${rank} is gone: ${text}.` };
  try {
    const news = JSON.parse(text) as News;
    return { ...news, text: `Node ${rank}: ${news.text}` };
  } catch {
    return { kind: 'failed', exitCode: 1, text: `Node ${rank}: ${text}` };
  }
}

async function putJson(store: StoreClient, key: string, value: unknown): Promise<void> {
  await store.set(key, Buffer.from(JSON.stringify(value)));
}

async function getJson<Value>(store: StoreClient, key: string, timeoutMs: number): Promise<Value> {
  return JSON.parse(Buffer.from(await store.get(key, { timeoutMs })).toString()) as Value;
}
