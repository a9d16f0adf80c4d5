#!/usr/bin/env node
// Starts depot, or says what it needs: this file alone has to run on every Node there is.
'use strict';

var fs = require('fs');
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

// A checkout has the sources and runs them as they are; a package has what was built from them.
var source = path.join(__dirname, '..', 'src', 'cli', 'main.ts');
var built = path.join(__dirname, '..', 'dist', 'cli', 'main.js');
void import(require('url').pathToFileURL(fs.existsSync(source) ? source : built).href);
