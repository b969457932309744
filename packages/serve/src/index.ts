export { ChatTemplate, ChatTemplateError, type TemplateTokens } from './chat/ChatTemplate.js';
export { readChatTemplate } from './chat/readChatTemplate.js';
export type { ChatMessage } from './api/chatRequest.js';
export { openServedModel, type OpenOptions, type ServedExperts } from './model/openServedModel.js';
export type { ServedModel } from './model/ServedModel.js';
export { checkServerOptions, type ServerOptions } from './server/ServerOptions.js';
export { startBackend } from './startBackend.js';
export { startServer, type RunningServer } from './startServer.js';
