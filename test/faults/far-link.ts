// The transfers of one far link, as a process that bench/run.sh has put into a network of its own:
//   far-link.ts SEED LINK SHARE      the latter two as JSON
// Prints how they ended, as JSON.

import type { FarLink } from '../../bench/place.ts';
import { overLink, type Share } from './carrying.ts';
import { Stage } from './fault.ts';

const [seed = '', link = '', share = ''] = process.argv.slice(2);
const stage = new Stage(Number(seed), 1, false);
const tally = await overLink(stage, JSON.parse(link) as FarLink, JSON.parse(share) as Share);
process.stdout.write(`${JSON.stringify(tally)}\n`);
