import type { GeneratedText, GenerationEngine } from '@scmoe/models';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';

import type { AnswerForm, AnswerFormOptions } from '../api/AnswerForm.js';
import { ApiError } from '../api/ApiError.js';
import { chatForm } from '../api/chatForm.js';
import { chatRequest } from '../api/chatRequest.js';
import type { CommonRequest } from '../api/commonFields.js';
import { completionForm } from '../api/completionForm.js';
import { completionRequest } from '../api/completionRequest.js';
import { toApiError } from '../api/toApiError.js';
import { TokenForms } from '../api/tokenForms.js';
import { ChatTemplateError } from '../chat/ChatTemplate.js';
import type { ServedModel } from '../model/ServedModel.js';
import { answerStream, answerWhole, type AnswerOptions } from './answerTexts.js';
import { keyCheck } from './apiKey.js';
import { EventStream } from './EventStream.js';
import { checkLocalHost } from './localHosts.js';
import { ServerMetrics, type Route } from './ServerMetrics.js';
import type { ResolvedServerOptions } from './ServerOptions.js';
import { startTexts, type TextRequest } from './TextRequest.js';

/** Texts on their way, as far as the end of the server has to know of them. */
export interface ServerState {
  /** New requests are refused. */
  isDraining: boolean;
  /** Ends the answer to a request that is under way, with this error. */
  readonly ends: Set<(error: ApiError) => void>;
}

const routes: Readonly<Record<string, Route>> = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'completions',
  '/v1/models': 'models',
  '/v1/models/*': 'models',
  '/health': 'health',
  '/metrics': 'metrics',
};

/** An HTTP server over a generation engine, with the endpoints of OpenAI's API. It listens to nothing yet. */
export function createServer(
  served: ServedModel,
  engine: GenerationEngine,
  options: ResolvedServerOptions,
  state: ServerState,
): FastifyInstance {
  const app = fastify({
    bodyLimit: options.maxBodyBytes,
    // A body has to come within a minute; answers have their own time.
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
  });
  const metrics = new ServerMetrics(engine);
  const created = Math.floor(Date.now() / 1000);
  // What has another type than JSON is refused: a web page can't send JSON elsewhere unasked.
  app.removeContentTypeParser('text/plain');
  guard(app, metrics, options, state);

  const described = { id: served.name, object: 'model', created, owned_by: 'scmoe' };
  app.get('/health', (_, reply) =>
    reply.status(state.isDraining ? 503 : 200).send({ status: state.isDraining ? 'draining' : 'ok' }),
  );
  app.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  app.get('/v1/models', () => ({ object: 'list', data: [described] }));
  app.get('/v1/models/*', (request) => {
    checkModel((request.params as { '*': string })['*'], served.name);
    return described;
  });

  const forms = new TokenForms(served.tokenizer);
  const { sequenceLength, vocabSize } = served.model.predictor();
  const answer = (
    request: FastifyRequest,
    reply: FastifyReply,
    texts: TextRequest & Pick<CommonRequest, 'stream' | 'includeUsage'>,
    makeForm: (options: AnswerFormOptions) => AnswerForm,
  ) => {
    const { maxTokens = Infinity } = options;
    if (texts.maxNewTokens > maxTokens && texts.maxNewTokens !== sequenceLength)
      throw new ApiError(`max_tokens: expected at most ${maxTokens}, got ${texts.maxNewTokens}`, {
        param: 'max_tokens',
      });
    const foreign = Object.keys(texts.sampling.logitBias ?? {}).find((id) => Number(id) >= vocabSize);
    if (foreign !== undefined)
      throw new ApiError(`logit_bias: expected ids from 0 to ${vocabSize - 1}, got ${foreign}`, {
        param: 'logit_bias',
      });
    const limited = { ...texts, maxNewTokens: Math.min(texts.maxNewTokens, maxTokens) };
    return run(reply, limited, makeForm);
  };

  const run = async (
    reply: FastifyReply,
    texts: TextRequest & Pick<CommonRequest, 'stream' | 'includeUsage'>,
    makeForm: (options: AnswerFormOptions) => AnswerForm,
  ) => {
    const begin = performance.now();
    const controller = new AbortController();
    const end = (error: ApiError) => controller.abort(error);
    const gone = () => end(new ApiError('The client has left.', { status: 499 }));
    const timer = setTimeout(() => end(overtime(options.requestTimeoutMs)), options.requestTimeoutMs).unref();
    reply.raw.once('close', gone);
    state.ends.add(end);
    try {
      const withLogprobs = texts.numTop !== undefined;
      const form = makeForm({ model: served.name, forms, withLogprobs, includeUsage: texts.includeUsage });
      const started: GeneratedText[] = startTexts(engine, served, texts, controller.signal);
      const how: AnswerOptions = {
        form,
        numChoices: texts.numChoices,
        withLogprobs,
        includeUsage: texts.includeUsage,
        signal: controller.signal,
        onFirstToken: () => metrics.firstToken((performance.now() - begin) / 1000),
      };
      if (!texts.stream) return await answerWhole(started, how);
      reply.hijack();
      await answerStream(started, new EventStream(reply.raw), how);
      return reply;
    } finally {
      clearTimeout(timer);
      state.ends.delete(end);
      reply.raw.off('close', gone);
    }
  };

  app.post('/v1/completions', (request, reply) => {
    const { prompts, model, ...rest } = completionRequest(request.body);
    checkModel(model, served.name);
    return answer(
      request,
      reply,
      { ...rest, prompts: prompts.map((prompt) => promptTokens(prompt, served)) },
      completionForm,
    );
  });
  app.post('/v1/chat/completions', (request, reply) => {
    const { messages, model, maxNewTokens = sequenceLength, ...rest } = chatRequest(request.body);
    checkModel(model, served.name);
    const prompt = chatTokens(messages, served);
    return answer(request, reply, { ...rest, maxNewTokens, prompts: [prompt] }, chatForm);
  });
  return app;
}

/** Who may ask, what is counted, and the form of errors: for all routes alike. */
function guard(app: FastifyInstance, metrics: ServerMetrics, options: ResolvedServerOptions, state: ServerState): void {
  const checkKey = options.apiKey === undefined ? undefined : keyCheck(options.apiKey);
  app.addHook('onRequest', (request, reply, done) => {
    const begin = performance.now();
    const route = routes[request.routeOptions.url ?? ''] ?? 'other';
    reply.raw.once('close', () => {
      const { writableFinished, statusCode } = reply.raw;
      metrics.ended(route, writableFinished ? statusCode : 499, (performance.now() - begin) / 1000);
    });
    if (route !== 'health') {
      if (checkKey) checkKey(request.headers.authorization);
      else checkLocalHost(request.headers.host);
      if (state.isDraining) throw draining();
    }
    done();
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _, reply) => sendError(reply, fromServer(error)));
  app.setNotFoundHandler((request, reply) => {
    const message = `Unknown request URL: ${request.method} ${request.url.split('?')[0]}`;
    return sendError(reply, new ApiError(message, { status: 404, code: 'unknown_url' }));
  });
}

function sendError(reply: FastifyReply, error: ApiError): FastifyReply {
  if (error.status === 429) reply.header('retry-after', '1');
  if (error.retry === false) reply.header('x-should-retry', 'false');
  if (error.status === 503) reply.header('connection', 'close');
  if (error.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.status(error.status).send(error.body);
}

/** What the server library itself refuses has a status: a body that is no JSON, too large, of another type. */
function fromServer(error: Error & { statusCode?: number }): ApiError {
  const { statusCode = 500 } = error;
  if (!(error instanceof ApiError) && statusCode >= 400 && statusCode < 500)
    return new ApiError(error.message, { status: statusCode });
  return toApiError(error);
}

function checkModel(asked: string | undefined, name: string): void {
  if (asked === undefined) throw new ApiError(`model: expected '${name}', got nothing`, { param: 'model' });
  if (asked === name) return;
  throw new ApiError(`The model '${asked}' does not exist: this server has '${name}'.`, {
    status: 404,
    param: 'model',
    code: 'model_not_found',
  });
}

function promptTokens(prompt: string | readonly number[], { tokenizer, addSpecialTokens }: ServedModel): number[] {
  if (typeof prompt !== 'string') return [...prompt];
  const tokens = Array.from(tokenizer.encode(Buffer.from(prompt), { addSpecialTokens }));
  // In training every document follows the end of another one, so that token starts a new text.
  if (tokens.length === 0 && tokenizer.endOfText !== undefined) tokens.push(tokenizer.endOfText);
  if (tokens.length === 0) throw new ApiError('prompt: expected at least one character, got none', { param: 'prompt' });
  return tokens;
}

function chatTokens(
  messages: Parameters<NonNullable<ServedModel['chatTemplate']>['encode']>[0],
  served: ServedModel,
): number[] {
  if (!served.chatTemplate)
    throw new ApiError(
      `The model '${served.name}' has no chat template, so it can't be chatted with: use /v1/completions.`,
      { code: 'chat_not_supported' },
    );
  try {
    return served.chatTemplate.encode(messages);
  } catch (error) {
    if (error instanceof ChatTemplateError) throw new ApiError(error.message, { param: 'messages' });
    throw error;
  }
}

function overtime(limitMs: number): ApiError {
  return new ApiError(`The answer took longer than the ${limitMs / 1000} s that a request may take.`, {
    status: 504,
    type: 'server_error',
    code: 'timeout',
    retry: false,
  });
}

/** The error of requests to a server that ends. */
export function draining(): ApiError {
  return new ApiError('The server is ending.', { status: 503, type: 'server_error', code: 'server_draining' });
}
