// A small npm registry on loopback. What is published to it, it serves; any other package it serves as a tarball of what
// `npm ci` has put into the repository's node_modules. So an installation elsewhere needs no network, and gets the versions
// of package-lock.json. With another registry behind it, that one has any other package, in all its versions.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { create } from 'tar';

export class Registry {
  #server = createServer((request, response) => this.#answer(request, response));
  #published = new Map();
  #tarballs = new Map();
  #installed;
  #root;
  #behind;

  /** @param root the repository @param behind address of the registry behind this one, ended by a slash */
  constructor(root, { behind } = {}) {
    this.#root = root;
    this.#behind = behind;
    this.#installed = installedPackages(root);
  }

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
    return this;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request, response) {
    const reply = (status, body) => response.writeHead(status).end(body);
    try {
      const path = decodeURIComponent(request.url).slice(1);
      if (request.method === 'PUT') {
        if (request.headers.authorization !== 'Bearer token-of-this-test') return reply(401, '{}');
        this.#publish(JSON.parse(await text(request)));
        return reply(201, '{}');
      }
      const tarball = /^(.+)\/-\/(.+)\.tgz$/.exec(path);
      if (this.#behind !== undefined && !this.#published.has(tarball?.[1] ?? path))
        return response.writeHead(302, { location: this.#behind + request.url.slice(1) }).end();
      const found = tarball ? await this.#tarball(tarball[1], tarball[2]) : this.#describe(path);
      return found === undefined ? reply(404, '{}') : reply(200, tarball ? found : JSON.stringify(found));
    } catch (error) {
      return reply(500, JSON.stringify({ error: String(error) }));
    }
  }

  #publish({ name, versions, _attachments: attachments }) {
    const [attachment] = Object.values(attachments);
    const [manifest] = Object.values(versions);
    this.#published.set(name, { manifest, tarball: Buffer.from(attachment.data, 'base64') });
  }

  #describe(name) {
    const published = this.#published.get(name);
    const manifests = published
      ? [published.manifest]
      : (this.#installed.get(name) ?? []).map((folder) => readManifest(join(this.#root, folder)));
    if (manifests.length === 0) return undefined;
    const versions = manifests.map((manifest) => {
      const { integrity, shasum } = manifest.dist ?? {};
      const tarball = `${this.url}${name}/-/${manifest.version}.tgz`;
      return [manifest.version, { ...manifest, dist: { tarball, integrity, shasum } }];
    });
    return { name, 'dist-tags': { latest: versions[0][0] }, versions: Object.fromEntries(versions) };
  }

  #tarball(name, version) {
    const published = this.#published.get(name);
    if (published) return published.tarball;
    const folder = (this.#installed.get(name) ?? [])
      .map((path) => join(this.#root, path))
      .find((path) => readManifest(path).version === version);
    if (folder === undefined) return undefined;
    if (!this.#tarballs.has(folder)) this.#tarballs.set(folder, pack(folder));
    return this.#tarballs.get(folder);
  }
}

function pack(folder) {
  // Source maps are a large part of TF.js, and of no use here.
  const filter = (path) => !path.startsWith('./node_modules') && !path.endsWith('.map');
  return create({ cwd: folder, gzip: { level: 1 }, prefix: 'package', portable: true, filter }, ['.']).concat();
}

const readManifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Folders in node_modules by package name, the outermost first; links into the workspace left out. */
function installedPackages(root) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const folders = new Map();
  for (const [path, { link }] of Object.entries(lock.packages)) {
    const [, name] = /.*node_modules\/(.+)$/.exec(path) ?? [];
    if (name === undefined || link || !existsSync(join(root, path))) continue;
    folders.set(name, [...(folders.get(name) ?? []), path]);
  }
  return folders;
}
