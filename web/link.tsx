// Of a local or a client: its way to the server, what was wrong with that, and what it lets through.

import type { ComponentChildren } from 'preact';
import type { Outage, RoleStatusOf } from '../src/watch/status.ts';
import { TrafficChart } from './chart.tsx';
import { FailureList } from './failures.tsx';
import { TrafficFigures } from './figures.tsx';
import { address, dateAndTime, duration, roundTrip } from './format.ts';
import { now, role, roundTrips } from './live.ts';
import { Dot, Empty, Figure, Sparkline } from './parts.tsx';

type Dialing = RoleStatusOf<'local'> | RoleStatusOf<'client'>;

const Figures = ({ link }: { readonly link: Dialing }) => (
  <dl class="figures">
    <Figure label="Link" tone={link.connected ? 'ok' : 'bad'}>
      {link.connected ? 'up' : 'away'}
    </Figure>
    <TrafficFigures />
  </dl>
);

const Link = ({ link }: { readonly link: Dialing }) => (
  <section aria-labelledby="link">
    <h2 id="link">Link</h2>
    <dl class="facts">
      <dt>Server</dt>
      <dd class="mono">{link.server}</dd>
      <dt>State</dt>
      <dd>
        <Dot up={link.connected} /> {link.since !== null && `for ${duration(now.value - link.since)}`}
      </dd>
      <dt>Known as</dt>
      <dd>{link.role === 'client' ? `${link.user}/${link.name}` : link.name}</dd>
      <dt>Round trip</dt>
      <dd>
        {roundTrip(link.rttMs)} <Sparkline values={roundTrips.value} />
      </dd>
      <dt>Tunnels</dt>
      <dd>
        {link.tunnels.busy} busy, {link.tunnels.idle} idle
      </dd>
      <dt>Reconnects</dt>
      <dd>{link.reconnects}</dd>
      <dt>Version</dt>
      <dd>
        {link.version}, up for {duration(now.value - link.startedAt)}
      </dd>
    </dl>
  </section>
);

const OutageRow = ({ outage: { from, until, code, reason, attempts } }: { readonly outage: Outage }) => (
  <li>
    <span class="grow">
      <strong>{code}</strong>{' '}
      <span class="muted">
        {until === null ? `since ${duration(now.value - from)}` : `for ${duration(until - from)}`}
        {attempts > 0 && `, ${attempts} failed ${attempts === 1 ? 'attempt' : 'attempts'}`}
      </span>
      <span class="detail">
        {dateAndTime(from)}: {reason}
      </span>
    </span>
  </li>
);

const Outages = ({ outages }: { readonly outages: readonly Outage[] }) => (
  <section aria-labelledby="outages">
    <h2 id="outages">When there was no link, and why</h2>
    {outages.length === 0 ? (
      <Empty>Since the start there always was one.</Empty>
    ) : (
      <ul class="rows">
        {outages.map((outage) => (
          <OutageRow key={outage.from} outage={outage} />
        ))}
      </ul>
    )}
  </section>
);

const Lines = ({
  id,
  title,
  lines,
}: {
  readonly id: string;
  readonly title: string;
  readonly lines: readonly string[];
}) => (
  <section aria-labelledby={id}>
    <h2 id={id}>{title}</h2>
    <ul class="rows">
      {lines.map((line) => (
        <li key={line} class="mono">
          {line}
        </li>
      ))}
    </ul>
  </section>
);

/** What comes through: of a local the rules, of a client its ports. */
const through = (link: Dialing): ComponentChildren => {
  if (link.role === 'local') return <Lines id="rules" title="Rules in force" lines={link.rules} />;
  const published = link.published.map(
    ({ protocol, listen, to }) => `${listen}${protocol === 'udp' ? '/udp' : ''} leads to ${to}`,
  );
  return (
    <Lines id="ports" title="Ports on this machine" lines={[`${address(link)} for SOCKS and HTTP`, ...published]} />
  );
};

export const LinkPage = () => {
  const link = role.value;
  if (link === undefined || link.role === 'server') return null;
  return (
    <>
      <h1 class="hidden">Link</h1>
      <Figures link={link} />
      <TrafficChart />
      <div class="columns">
        <Link link={link} />
        <Outages outages={link.outages} />
        {through(link)}
        <FailureList />
      </div>
    </>
  );
};
