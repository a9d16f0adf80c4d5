#!/usr/bin/env node
// Starts depot, or says what it needs: this file has to run on every Node there is.
'use strict';

var parts = process.versions.node.split('.').map(Number);
if (parts[0] < 24 || (parts[0] === 24 && parts[1] < 11)) {
  process.stderr.write(
    'depot needs Node 24.11 or newer, this is ' + process.versions.node + '. Install a newer one: https://nodejs.org\n',
  );
  process.exit(1);
}
require('./start.cjs');
