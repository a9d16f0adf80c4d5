// Of a server, what an operator wants to know in five seconds: who is connected, what is slow, why something fails.

import { TrafficChart } from './chart.tsx';
import { FailureList } from './failures.tsx';
import { TrafficFigures } from './figures.tsx';
import { duration, roundTrip } from './format.ts';
import { locals, now, role } from './live.ts';
import { Dot, Empty, Figure, Sparkline } from './parts.tsx';

const Figures = () => {
  const away = locals.value.filter(({ connected }) => !connected).length;
  return (
    <dl class="figures">
      <Figure label="Locals up" tone={away > 0 ? 'bad' : 'ok'}>
        {locals.value.length - away}
        <small> of {locals.value.length}</small>
      </Figure>
      <TrafficFigures />
    </dl>
  );
};

const LocalList = () => (
  <section aria-labelledby="who">
    <h2 id="who">Who is connected</h2>
    {locals.value.length === 0 ? (
      <Empty>
        No local has joined yet. Invite one on the <a href="#/locals">Locals</a> page.
      </Empty>
    ) : (
      <ul class="rows">
        {[...locals.value]
          .sort((a, b) => Number(a.connected) - Number(b.connected))
          .map((local) => (
            <li key={local.name}>
              <Dot up={local.connected} />
              <a href={`#/streams?local=${encodeURIComponent(local.name)}`}>{local.name}</a>
              <span class="muted grow">
                {local.connected
                  ? `${local.draining ? 'draining, ' : ''}${duration(now.value - (local.since ?? now.value))}`
                  : `last seen ${duration(now.value - local.lastSeenAt)} ago`}
              </span>
              {local.connected && (
                <>
                  <Sparkline values={local.roundTrips} />
                  <span class="number">{roundTrip(local.rttMs)}</span>
                  <span class="number">{local.streams} streams</span>
                </>
              )}
            </li>
          ))}
      </ul>
    )}
  </section>
);

const Facts = () => {
  const server = role.value;
  if (server?.role !== 'server') return null;
  const { version, startedAt, host, ports, fingerprint, users } = server;
  return (
    <section aria-labelledby="server">
      <h2 id="server">Server</h2>
      <dl class="facts">
        <dt>Version</dt>
        <dd>{version}</dd>
        <dt>Up for</dt>
        <dd>{duration(now.value - startedAt)}</dd>
        <dt>Ports</dt>
        <dd>
          {host === '::' ? 'all addresses' : host}: clients {ports.socks}, locals {ports.control}
          {ports.tunnel !== ports.control && `, tunnels ${ports.tunnel}`}
          {ports.web !== null && `, dashboard ${ports.web}`}
        </dd>
        <dt>Users</dt>
        <dd>{users}</dd>
        <dt>Fingerprint</dt>
        <dd class="mono">{fingerprint}</dd>
      </dl>
    </section>
  );
};

export const Overview = () => (
  <>
    <h1 class="hidden">Overview</h1>
    <Figures />
    <TrafficChart />
    <div class="columns">
      <LocalList />
      <FailureList />
      <Facts />
    </div>
  </>
);
