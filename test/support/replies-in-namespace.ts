// Run by a test in a network namespace: asks a server and a local, both in there, for each HOST of a JSON list on stdin,
// and prints the REP values as JSON.

import { text } from 'node:stream/consumers';
import { Depot } from './depot.ts';
import { handshake } from './socks-client.ts';

const hosts = JSON.parse(await text(process.stdin)) as string[];
await using depot = await Depot.pair({}, { allow: ['*'] });
const replies: number[] = [];
for (const host of hosts) {
  const [wire, { reply }] = await handshake(depot.target(host, 80));
  wire[Symbol.dispose]();
  replies.push(reply);
}
process.stdout.write(JSON.stringify(replies));
