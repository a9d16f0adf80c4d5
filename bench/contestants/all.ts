// The contestants, in the order of the tables.

import type { Contestant } from './contestant.ts';
import { depot } from './depot.ts';
import { chisel, frp, gost } from './go-peers.ts';
import { dante, direct, haproxy, microsocks } from './marks.ts';
import { openssh } from './openssh.ts';
import { rathole, wstunnel } from './rust-peers.ts';

export const CONTESTANTS: readonly Contestant[] = [
  direct,
  depot,
  openssh('ssh -R', { far: true }),
  openssh('ssh -R aes-gcm', { cipher: 'aes128-gcm@openssh.com', far: false }),
  frp,
  chisel,
  gost,
  rathole,
  wstunnel,
  haproxy,
  microsocks,
  dante,
];
