#!/usr/bin/env node
// Starts depot, or says what it needs: this file alone has to run on every Node there is.
'use strict';

var fs = require('fs');
var os = require('os');
var path = require('path');

var parts = process.versions.node.split('.').map(Number);
if (parts[0] < 24 || (parts[0] === 24 && parts[1] < 11)) {
  process.stderr.write(
    'depot needs Node 24.11 or newer, this is ' + process.versions.node + '. Install a newer one: https://nodejs.org\n',
  );
  process.exit(1);
}

// A join link is a secret: it leaves the process list before anything else happens.
process.title = ['depot'].concat(process.argv.slice(2, 3)).join(' ');

/** Whether nobody but us can put code there: what is in the cache is run. */
function isOurs(directory) {
  var stat = fs.statSync(directory);
  return process.getuid === undefined || (stat.uid === process.getuid() && (stat.mode & 0o022) === 0);
}

/** Compiled code is kept in the user's cache, so that the next start is quicker. Where that cannot be, it is not. */
function keepCompiledCode() {
  var home = process.env.HOME || process.env.USERPROFILE || os.homedir();
  var directory = path.join(process.env.XDG_CACHE_HOME || path.join(home, '.cache'), 'depot', 'compiled');
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (isOurs(directory)) require('module').enableCompileCache(directory);
  } catch (error) {
    // No home, a full or a read-only disk: depot starts all the same, only slower.
  }
}
keepCompiledCode();

// A checkout has the sources and runs them as they are; a package has what was built from them.
var source = path.join(__dirname, '..', 'src', 'cli', 'main.ts');
var built = path.join(__dirname, '..', 'dist', 'cli', 'main.js');
void import(require('url').pathToFileURL(fs.existsSync(source) ? source : built).href);
