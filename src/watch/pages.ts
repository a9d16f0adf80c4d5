// The built dashboard, read once: a handful of files that are served from memory, so that no path leads anywhere else.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { getAssetKeys, getRawAsset, isSea } from 'node:sea';
import { gzipSync } from 'node:zlib';

/** A file that is made for whoever asks, and has nothing in it that not everybody may know. */
export interface PublicFile {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: (hostHeader: string | undefined) => string;
}

export interface Page {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const NOT_BUILT = Buffer.from(
  '<!doctype html><html lang="en"><title>depot</title><p>The dashboard is not built. Run <code>npm run build:web</code> and start the server again.</p></html>',
);

const pageOf = (extension: string, body: Buffer): Page => ({
  type: TYPES[extension] ?? 'application/octet-stream',
  body,
  gzipped: gzipSync(body),
  etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
});

/** The built files by name: of a single executable from inside it, else from where they were built. */
const readFiles = (directory: string): (readonly [name: string, body: Buffer])[] => {
  if (isSea()) return getAssetKeys().map((name) => [name, Buffer.from(getRawAsset(name))]);
  if (!existsSync(path.join(directory, 'index.html'))) return [['index.html', NOT_BUILT]];
  return readdirSync(directory)
    .filter((name) => path.extname(name) in TYPES)
    .map((name) => [name, readFileSync(path.join(directory, name))]);
};

/** By the path that they are asked for with. */
export const loadPages = (directory: string): ReadonlyMap<string, Page> =>
  new Map(
    readFiles(directory).map(([name, body]) => [
      name === 'index.html' ? '/' : `/${name}`,
      pageOf(path.extname(name), body),
    ]),
  );
