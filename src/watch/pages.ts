// The built dashboard, read once: a handful of files that are served from memory, so that no path leads anywhere else.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

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

/** By the path that they are asked for with. */
export const loadPages = (directory: string): ReadonlyMap<string, Page> => {
  if (!existsSync(path.join(directory, 'index.html'))) return new Map([['/', pageOf('.html', NOT_BUILT)]]);
  return new Map(
    readdirSync(directory)
      .filter((name) => path.extname(name) in TYPES)
      .map((name) => [
        name === 'index.html' ? '/' : `/${name}`,
        pageOf(path.extname(name), readFileSync(path.join(directory, name))),
      ]),
  );
};
