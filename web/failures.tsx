// Why things failed, and the newest case of each reason.

import { clock } from './format.ts';
import { failures } from './live.ts';
import { Empty } from './parts.tsx';

const WHERE: Readonly<Record<string, string>> = {
  stream: 'stream to',
  socks: 'turned away',
  control: 'turned away',
  client: 'turned away',
  published: 'turned away',
  web: 'login from',
};

export const FailureList = () => (
  <section aria-labelledby="why">
    <h2 id="why">Why things failed, last 15 minutes</h2>
    {failures.value.length === 0 ? (
      <Empty>Nothing has failed.</Empty>
    ) : (
      <ul class="rows">
        {failures.value.map(({ code, where, count, last }) => (
          <li key={`${where} ${code}`}>
            <span class="number count">{count}×</span>
            <span class="grow">
              <strong>{code}</strong>
              {where !== 'stream' && <span class="muted"> at the {where} port</span>}
              <span class="detail">
                {clock(last.at)} {WHERE[where] ?? where} {last.subject}: {last.message}
              </span>
            </span>
          </li>
        ))}
      </ul>
    )}
  </section>
);
