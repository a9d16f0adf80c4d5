// The scripts of this package run on the Node that `npm ci` puts into node_modules. Without its install script
// (`npm ci --ignore-scripts`) npm falls back to the system's Node; say so, instead of failing later in odd ways.
'use strict';

var major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    'This is Node ' +
      process.versions.node +
      ', depot needs 24.11 or newer. Run `npm ci` again, without --ignore-scripts: it brings a Node of its own.\n',
  );
  process.exit(1);
}
