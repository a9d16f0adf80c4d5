// What comes before the command line is loaded: the process's title, its threads, and a cache of compiled code.
'use strict';

const fs = require('node:fs');
const { enableCompileCache } = require('node:module');
const { homedir } = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

// A join link is a secret: it leaves the process list before anything else happens.
process.title = ['depot', ...process.argv.slice(2, 3)].join(' ');

// Each name that is looked up takes a thread for as long as its server is silent, and libuv gives half of its four to such
// work: two slow names would hold up all others. It reads this when the first thread is needed.
process.env.UV_THREADPOOL_SIZE ??= '64';

/** Whether nobody else can put code there: what is in the cache is run. */
const isOurs = (directory) => {
  const { uid, mode } = fs.statSync(directory);
  return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
};

/** Compiled code is kept in the user's own cache, and the next start takes half the time. */
const keepCompiledCode = () => {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return;
  const cache = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  const directory = path.join(cache, 'depot', 'compiled');
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (isOurs(directory)) enableCompileCache(directory);
  } catch {
    // No home, a full or a read-only disk: depot starts all the same, only slower.
  }
};
keepCompiledCode();

// A checkout has the sources and runs them as they are; a package has what was built from them.
const source = path.join(__dirname, '..', 'src', 'cli', 'main.ts');
const built = path.join(__dirname, '..', 'dist', 'js', 'main.js');
void import(pathToFileURL(fs.existsSync(source) ? source : built).href);
