// The devices that have joined with `depot client`: whose they are, and which are here.

import { useState } from 'preact/hooks';
import type { ClientDeviceStatus } from '../src/watch/status.ts';
import { call, fieldOf } from './api.ts';
import { dateAndTime, duration, roundTrip } from './format.ts';
import { clients, now, titleOf } from './live.ts';
import { Confirm, Dot, Empty, Joining } from './parts.tsx';
import { type Column, ScrollTable } from './table.tsx';

const COLUMNS: readonly Column[] = [
  { title: 'User' },
  { title: 'Device' },
  { title: 'State' },
  { title: 'Since' },
  { title: 'From' },
  { title: 'Runs' },
  { title: 'Round trip', kind: 'number' },
  { title: 'Tunnels', kind: 'number' },
  { title: 'Actions', unseen: true },
];

const Row = ({ client }: { readonly client: ClientDeviceStatus }) => {
  const { user, device, connected, since, lastSeenAt, from, software, platform, rttMs, tunnels } = client;
  const title = titleOf(client);
  return (
    <tr>
      <th scope="row">{user}</th>
      <td>{device}</td>
      <td>
        <Dot up={connected} />
      </td>
      <td title={dateAndTime(connected ? (since ?? 0) : lastSeenAt)}>
        {connected ? duration(now.value - (since ?? now.value)) : `last seen ${duration(now.value - lastSeenAt)} ago`}
      </td>
      <td class="mono">{from ?? '–'}</td>
      <td>{software === null ? '–' : `${software} on ${platform}`}</td>
      <td class="number">{roundTrip(rttMs)}</td>
      <td class="number">{connected ? `${tunnels.busy} busy, ${tunnels.idle} idle` : '–'}</td>
      <td class="action">
        {connected && (
          <Confirm
            label="Disconnect"
            subject={title}
            question="Its streams end now, and it connects again by itself within seconds."
            act={() => call('DELETE', `/sessions/${encodeURIComponent(title)}`)}
          />
        )}
        <Confirm
          label="Revoke"
          subject={title}
          question="Its streams end now, its key is forgotten, and it can come back only with a new link."
          act={() => call('DELETE', `/clients/${encodeURIComponent(user)}/${encodeURIComponent(device)}`)}
        />
      </td>
    </tr>
  );
};

const ask = (event: SubmitEvent): Promise<{ link: string; expiresAt: number }> =>
  call('POST', `/users/${encodeURIComponent(fieldOf(event, 'name'))}/invitations`);

export const Clients = () => {
  const [inviting, setInviting] = useState(false);
  return (
    <>
      <div class="title">
        <h1>Clients</h1>
        <button type="button" class="primary" onClick={() => setInviting(true)}>
          Invite a client
        </button>
      </div>
      <p class="muted">
        Devices that joined with <code>depot client</code>. Each has a key of its own, and may what its user may.
      </p>
      {inviting && (
        <Joining
          title="Invite a client"
          label="The user whose device it is"
          placeholder="alice"
          role="client"
          ask={ask}
          onClose={() => setInviting(false)}
        />
      )}
      {clients.value.length === 0 ? (
        <Empty>No client has joined yet.</Empty>
      ) : (
        <ScrollTable label="Clients" columns={COLUMNS}>
          {clients.value.map((client) => (
            <Row key={titleOf(client)} client={client} />
          ))}
        </ScrollTable>
      )}
    </>
  );
};
