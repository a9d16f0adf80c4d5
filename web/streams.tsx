// Every stream that runs, and those that ended: sorted, filtered, and ended from here.

import { useEffect, useState } from 'preact/hooks';
import type { PastStream } from '../src/store/history.ts';
import { call } from './api.ts';
import { address, bytes, clock, dateAndTime, duration, rate, replyWords } from './format.ts';
import { ended, isServer, type LiveStream, now, streams } from './live.ts';
import { Confirm, Details, Empty } from './parts.tsx';
import { Windowed } from './window.tsx';

type Key = 'target' | 'user' | 'from' | 'local' | 'age' | 'up' | 'down' | 'rate';

const VALUES: Readonly<Record<Key, (stream: LiveStream) => string | number>> = {
  target: ({ target }) => address(target),
  user: ({ user }) => user ?? '',
  from: ({ from }) => from,
  local: ({ local }) => local ?? '',
  age: ({ startedAt }) => -startedAt,
  up: ({ bytesUp }) => bytesUp,
  down: ({ bytesDown }) => bytesDown,
  rate: ({ rateUp, rateDown }) => rateUp + rateDown,
};

const COLUMNS: readonly (readonly [Key, string, string?])[] = [
  ['target', 'Target'],
  ['user', 'User'],
  ['from', 'From'],
  ['local', 'Local'],
  ['age', 'Age', 'number'],
  ['up', 'Up', 'number'],
  ['down', 'Down', 'number'],
  ['rate', 'Rate', 'number'],
];
const TEXT: ReadonlySet<Key> = new Set(['target', 'user', 'from', 'local']);

interface Filter {
  readonly text: string;
  readonly local: string;
}

const fits = (
  {
    target,
    user,
    from,
    local,
  }: { target: LiveStream['target']; user?: string | undefined; from: string; local?: string | undefined },
  { text, local: wanted }: Filter,
): boolean => {
  if (wanted !== '' && local !== wanted) return false;
  const needle = text.trim().toLowerCase();
  return needle === '' || `${address(target)} ${user ?? ''} ${from} ${local ?? ''}`.toLowerCase().includes(needle);
};

const compare = (key: Key, descending: boolean) => (a: LiveStream, b: LiveStream) => {
  const [first, second] = [VALUES[key](a), VALUES[key](b)];
  const order = first < second ? -1 : first > second ? 1 : a.id - b.id;
  return descending ? -order : order;
};

/** The `local` in `#/streams?local=nas`. */
const localInAddress = (): string => new URLSearchParams(location.hash.split('?')[1] ?? '').get('local') ?? '';

const Facts = ({ stream }: { readonly stream: LiveStream }) => (
  <dl class="facts">
    <dt>Command</dt>
    <dd>{stream.command}</dd>
    <dt>Target</dt>
    <dd class="mono">{address(stream.target)}</dd>
    <dt>Allowed by</dt>
    <dd>{stream.rule ?? 'not decided yet'}</dd>
    {stream.local !== undefined && (
      <>
        <dt>Local</dt>
        <dd>{stream.local}</dd>
      </>
    )}
    <dt>User</dt>
    <dd>{stream.user ?? '–'}</dd>
    <dt>From</dt>
    <dd class="mono">{stream.from}</dd>
    <dt>Began</dt>
    <dd>{dateAndTime(stream.startedAt)}</dd>
    <dt>Carried</dt>
    <dd>
      ↓ {bytes(stream.bytesDown)} ↑ {bytes(stream.bytesUp)}
    </dd>
  </dl>
);

const RunningRow = ({ stream }: { readonly stream: LiveStream }) => (
  <tr>
    <td class="wide">
      <Details name={address(stream.target)} title={`Stream ${stream.id}`}>
        <Facts stream={stream} />
      </Details>
    </td>
    <td>{stream.user ?? '–'}</td>
    <td class="mono minor">{stream.from}</td>
    <td>
      {stream.state === 'connecting' ? (
        <em>connecting {stream.local}</em>
      ) : (
        (stream.local ?? (isServer.value ? '–' : 'open'))
      )}
    </td>
    <td class="number">{duration(now.value - stream.startedAt)}</td>
    <td class="number minor">{bytes(stream.bytesUp)}</td>
    <td class="number">{bytes(stream.bytesDown)}</td>
    <td class="number rate">{rate(stream.rateUp + stream.rateDown)}</td>
    <td class="action">
      <Confirm
        label="End"
        subject={`stream to ${address(stream.target)}`}
        question="Both sides see that it was cut."
        act={() => call('DELETE', `/sessions/${stream.id}`)}
      />
    </td>
  </tr>
);

const Running = ({ filter }: { readonly filter: Filter }) => {
  const [sort, setSort] = useState<{ readonly key: Key; readonly descending: boolean }>({
    key: 'rate',
    descending: true,
  });
  const rows = streams.value.filter((stream) => fits(stream, filter)).sort(compare(sort.key, sort.descending));
  const by = (key: Key): void =>
    setSort((old) => ({ key, descending: old.key === key ? !old.descending : !TEXT.has(key) }));
  const head = (
    <tr>
      {COLUMNS.map(([key, name, kind]) => (
        <th
          key={key}
          class={kind}
          scope="col"
          aria-sort={sort.key !== key ? 'none' : sort.descending ? 'descending' : 'ascending'}
        >
          <button type="button" class="sort" onClick={() => by(key)}>
            {key === 'local' && !isServer.value ? 'State' : name}
          </button>
        </th>
      ))}
      <th scope="col">
        <span class="hidden">Action</span>
      </th>
    </tr>
  );
  return (
    <section aria-labelledby="running">
      <h2 id="running">
        Running{' '}
        <span class="muted">
          {rows.length === streams.value.length ? rows.length : `${rows.length} of ${streams.value.length}`}
        </span>
      </h2>
      {rows.length === 0 ? (
        <Empty>{streams.value.length === 0 ? 'No streams run now.' : 'No running stream fits the filter.'}</Empty>
      ) : (
        <Windowed
          label="Running streams"
          rows={rows}
          head={head}
          row={(stream) => <RunningRow key={stream.id} stream={stream} />}
        />
      )}
    </section>
  );
};

const EndedRow = ({ stream }: { readonly stream: PastStream }) => (
  <tr>
    <td class="number" title={dateAndTime(stream.endedAt)}>
      {clock(stream.endedAt)}
    </td>
    <td class="wide" title={address(stream.target)}>
      {address(stream.target)}
    </td>
    <td class="minor">{stream.user ?? '–'}</td>
    {isServer.value && <td class="minor">{stream.local ?? '–'}</td>}
    <td class="number minor">{duration(stream.endedAt - stream.startedAt)}</td>
    <td class="number minor">{bytes(stream.bytesUp)}</td>
    <td class="number minor">{bytes(stream.bytesDown)}</td>
    <td class={stream.reply === 0 ? '' : 'bad'}>
      {stream.reply} {replyWords(stream.reply)}
    </td>
    <td class="wide reason" title={stream.error?.message}>
      {stream.error === undefined ? 'in order' : `${stream.error.code}: ${stream.error.message}`}
    </td>
  </tr>
);

const ENDED_HEAD: readonly (readonly [string, string?])[] = [
  ['When', 'number'],
  ['Target'],
  ['User'],
  ['Local'],
  ['Lasted', 'number'],
  ['Up', 'number'],
  ['Down', 'number'],
  ['REP'],
  ['How it ended'],
];

const Ended = ({ filter }: { readonly filter: Filter }) => {
  const [older, setOlder] = useState<readonly PastStream[]>([]);
  const [failuresOnly, setFailuresOnly] = useState(false);
  const oldest = (older.at(-1) ?? ended.value.at(-1))?.seq ?? 0;
  const newest = new Set(ended.value.map(({ seq }) => seq));
  const all = [...ended.value, ...older.filter(({ seq }) => !newest.has(seq))];
  const rows = all.filter((stream) => fits(stream, filter) && (!failuresOnly || stream.error !== undefined));
  const more = (): void => {
    call<{ streams: readonly PastStream[] }>('GET', `/streams/ended?limit=500&before=${oldest}`).then(
      (page) => setOlder((known) => [...known, ...page.streams]),
      () => undefined,
    );
  };
  const head = (
    <tr>
      {ENDED_HEAD.filter(([name]) => isServer.value || name !== 'Local').map(([name, kind]) => (
        <th key={name} class={kind} scope="col">
          {name}
        </th>
      ))}
    </tr>
  );
  return (
    <section aria-labelledby="ended">
      <div class="title">
        <h2 id="ended">
          Ended <span class="muted">{rows.length}</span>
        </h2>
        <label class="check">
          <input
            type="checkbox"
            checked={failuresOnly}
            onChange={({ currentTarget }) => setFailuresOnly(currentTarget.checked)}
          />
          failures only
        </label>
        {oldest > 1 && (
          <button type="button" class="quiet" onClick={more}>
            Load older ones
          </button>
        )}
      </div>
      {rows.length === 0 ? (
        <Empty>None.</Empty>
      ) : (
        <Windowed
          label="Streams that ended"
          rows={rows}
          head={head}
          row={(stream) => <EndedRow key={stream.seq} stream={stream} />}
        />
      )}
    </section>
  );
};

export const StreamsPage = () => {
  const [filter, setFilter] = useState<Filter>({ text: '', local: localInAddress() });
  useEffect(() => {
    const follow = (): void => setFilter((old) => ({ ...old, local: localInAddress() }));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return (
    <>
      <div class="title">
        <h1>Streams</h1>
        <input
          type="search"
          aria-label={`Filter by target, user${isServer.value ? ', address or local' : ' or address'}`}
          placeholder={`target, user, address${isServer.value ? ', local' : ''}`}
          value={filter.text}
          onInput={({ currentTarget }) => setFilter((old) => ({ ...old, text: currentTarget.value }))}
        />
        {filter.local !== '' && (
          <a class="chip" href="#/streams">
            local {filter.local} <span aria-hidden="true">×</span>
            <span class="hidden">show all locals</span>
          </a>
        )}
      </div>
      <Running filter={filter} />
      <Ended filter={filter} />
    </>
  );
};
