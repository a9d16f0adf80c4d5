import { useEffect, useState } from 'preact/hooks';
import { call, fieldOf } from './api.ts';
import { bytes, dateAndTime, duration, rate, roundTrip } from './format.ts';
import { locals, now } from './live.ts';
import { Confirm, Dot, Empty, Joining, Sparkline } from './parts.tsx';

interface Used {
  readonly name: string;
  readonly usage: { readonly bytesUp: number; readonly bytesDown: number };
}

const ask = (event: SubmitEvent): Promise<{ link: string; expiresAt: number }> =>
  call('POST', '/invitations', { name: fieldOf(event, 'name') });

/** Totals over restarts change slowly; the live part is on top of them. */
const useUsage = (): ReadonlyMap<string, Used['usage']> => {
  const [usage, setUsage] = useState<ReadonlyMap<string, Used['usage']>>(new Map());
  useEffect(() => {
    const load = (): void => {
      call<readonly Used[]>('GET', '/locals').then(
        (all) => setUsage(new Map(all.map((local) => [local.name, local.usage]))),
        () => undefined,
      );
    };
    load();
    const timer = setInterval(load, 5000);
    return () => clearInterval(timer);
  }, []);
  return usage;
};

export const Locals = () => {
  const [inviting, setInviting] = useState(false);
  const usage = useUsage();
  return (
    <>
      <div class="title">
        <h1>Locals</h1>
        <button type="button" class="primary" onClick={() => setInviting(true)}>
          Invite a local
        </button>
      </div>
      {inviting && (
        <Joining
          title="Invite a local"
          label="What it will be called"
          placeholder="nas"
          role="local"
          ask={ask}
          onClose={() => setInviting(false)}
        />
      )}
      {locals.value.length === 0 && <Empty>No local has joined yet.</Empty>}
      <ul class="cards">
        {locals.value.map((local) => {
          const used = usage.get(local.name);
          return (
            <li key={local.name} class="card" aria-label={local.name}>
              <header>
                <h2>{local.name}</h2>
                <Dot up={local.connected} />
              </header>
              <dl class="facts">
                <dt>{local.draining ? 'Draining, connected for' : local.connected ? 'Connected for' : 'Last seen'}</dt>
                <dd>
                  {local.connected
                    ? duration(now.value - (local.since ?? now.value))
                    : `${duration(now.value - local.lastSeenAt)} ago (${dateAndTime(local.lastSeenAt)})`}
                </dd>
                {local.connected && (
                  <>
                    <dt>From</dt>
                    <dd class="mono">{local.from}</dd>
                    <dt>Runs</dt>
                    <dd>
                      {local.software} on {local.platform}
                    </dd>
                    <dt>Round trip</dt>
                    <dd>
                      {roundTrip(local.rttMs)} <Sparkline values={local.roundTrips} />
                    </dd>
                    <dt>Tunnels</dt>
                    <dd>
                      {local.tunnels.busy} busy, {local.tunnels.idle} idle
                    </dd>
                    <dt>Streams</dt>
                    <dd>
                      <a href={`#/streams?local=${encodeURIComponent(local.name)}`}>{local.streams} running</a>
                    </dd>
                    <dt>Now</dt>
                    <dd>
                      ↓ {rate(local.rateDown)} ↑ {rate(local.rateUp)}
                    </dd>
                  </>
                )}
                <dt>Carried</dt>
                <dd>
                  ↓ {bytes(used?.bytesDown ?? 0)} ↑ {bytes(used?.bytesUp ?? 0)}
                </dd>
              </dl>
              <footer>
                {local.connected && (
                  <Confirm
                    label="Disconnect"
                    subject={local.name}
                    question="Its streams end now, and it connects again by itself within seconds."
                    act={() => call('DELETE', `/sessions/${encodeURIComponent(local.name)}`)}
                  />
                )}
                <Confirm
                  label="Revoke"
                  subject={local.name}
                  question="Its streams end now, its key is forgotten, and it can come back only with a new link."
                  act={() => call('DELETE', `/locals/${encodeURIComponent(local.name)}`)}
                />
              </footer>
            </li>
          );
        })}
      </ul>
    </>
  );
};
