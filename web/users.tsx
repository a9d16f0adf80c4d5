import { useEffect, useState } from 'preact/hooks';
import type { User } from '../src/watch/answers.ts';
import { call, fieldOf } from './api.ts';
import { bytes, dateAndTime, rate } from './format.ts';
import { now } from './live.ts';
import { Code, Confirm, Details, Dialog, Empty } from './parts.tsx';
import { type Column, ScrollTable } from './table.tsx';

const REFRESH_MS = 3000;

/** A password is shown once, when it is made. */
const Made = ({
  name,
  password,
  onClose,
}: {
  readonly name: string;
  readonly password: string;
  readonly onClose: () => void;
}) => (
  <Dialog title={`The password of ${name}`} onClose={onClose}>
    <p>Shown only now.</p>
    <Code text={password} />
  </Dialog>
);

const AddDialog = ({
  onMade,
  onClose,
}: {
  readonly onMade: (name: string, password: string) => void;
  readonly onClose: () => void;
}) => {
  const [failure, setFailure] = useState('');
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const name = fieldOf(event, 'name');
    const locals = fieldOf(event, 'locals')
      .split(/[\s,]+/)
      .filter((local) => local !== '');
    call<{ password: string }>('POST', '/users', { name, locals }).then(
      ({ password }) => onMade(name, password),
      (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
    );
  };
  return (
    <Dialog title="Add a user" onClose={onClose}>
      <form onSubmit={submit}>
        <label for="user-name">Name</label>
        <input id="user-name" name="name" required autofocus autocomplete="off" spellcheck={false} />
        <label for="user-locals">Locals it may use, in order of preference (empty for all)</label>
        <input id="user-locals" name="locals" autocomplete="off" placeholder="nas, office" spellcheck={false} />
        <button type="submit" class="primary">
          Add, and make a password
        </button>
        <p role="alert" class="bad">
          {failure}
        </p>
      </form>
    </Dialog>
  );
};

const COLUMNS: readonly Column[] = [
  { title: 'User' },
  { title: 'Locals' },
  { title: 'Running', kind: 'number' },
  { title: 'This month', kind: 'number' },
  { title: 'Rate', kind: 'number' },
  { title: 'Until' },
  { title: 'Streams', kind: 'number' },
  { title: 'Failed', kind: 'number' },
  { title: 'Up', kind: 'number' },
  { title: 'Down', kind: 'number' },
  { title: 'Last seen' },
  { title: 'Actions', unseen: true },
];

/** Some of so many, with a bar, where there is a limit. */
const Month = ({ usedBytes, monthlyBytes }: Pick<User, 'usedBytes' | 'monthlyBytes'>) => {
  if (monthlyBytes === null) return <>{bytes(usedBytes)}</>;
  const text = `${bytes(usedBytes)} of ${bytes(monthlyBytes)}`;
  return (
    <>
      {text} <meter min={0} max={monthlyBytes} high={monthlyBytes * 0.9} value={usedBytes} aria-label={text} />
    </>
  );
};

const Limits = ({ user }: { readonly user: User }) => {
  const { locals, rules, from, maxStreams, rateBytes, monthlyBytes, usedBytes, validUntil, createdAt, running } = user;
  return (
    <dl class="facts">
      <dt>Locals</dt>
      <dd>{locals.length === 0 ? 'all' : locals.join(', ')}</dd>
      <dt>Rules</dt>
      <dd>
        {rules.length === 0 ? (
          'none of its own'
        ) : (
          <ul class="mono">
            {rules.map((rule) => (
              <li key={rule}>{rule}</li>
            ))}
          </ul>
        )}
      </dd>
      <dt>May come from</dt>
      <dd>{from.length === 0 ? 'everywhere' : from.join(', ')}</dd>
      <dt>Streams</dt>
      <dd>
        {running} running, {maxStreams === null ? 'no limit' : `at most ${maxStreams}`}
      </dd>
      <dt>Rate</dt>
      <dd>{rateBytes === null ? 'no limit' : `${rate(rateBytes)} in each direction`}</dd>
      <dt>This month</dt>
      <dd>
        {bytes(usedBytes)}, {monthlyBytes === null ? 'no limit' : `at most ${bytes(monthlyBytes)}`}
      </dd>
      <dt>Valid until</dt>
      <dd>{validUntil === null ? 'for good' : dateAndTime(validUntil)}</dd>
      <dt>Made</dt>
      <dd>{dateAndTime(createdAt)}</dd>
    </dl>
  );
};

interface RowProps {
  readonly user: User;
  readonly onPassword: (name: string, password: string) => void;
  readonly onRemoved: () => Promise<void>;
}

const Row = ({ user, onPassword, onRemoved }: RowProps) => {
  const { name, locals, running, maxStreams, rateBytes, validUntil, usage } = user;
  const isOver = validUntil !== null && validUntil <= now.value;
  return (
    <tr>
      <th scope="row">
        <Details name={name} title={`What ${name} may do`}>
          <Limits user={user} />
        </Details>
      </th>
      <td>{locals.length === 0 ? 'all' : locals.join(', ')}</td>
      <td class="number">{maxStreams === null ? running : `${running} of ${maxStreams}`}</td>
      <td class="number">
        <Month {...user} />
      </td>
      <td class="number">{rateBytes === null ? '–' : rate(rateBytes)}</td>
      <td class={isOver ? 'bad' : ''}>{validUntil === null ? '–' : dateAndTime(validUntil)}</td>
      <td class="number">{usage.streams}</td>
      <td class="number">{usage.failures}</td>
      <td class="number">{bytes(usage.bytesUp)}</td>
      <td class="number">{bytes(usage.bytesDown)}</td>
      <td>{dateAndTime(usage.lastAt)}</td>
      <td class="action">
        <Confirm
          label="New password"
          subject={`for ${name}`}
          question="The old one is good no more. Running streams go on."
          act={async () => {
            const { password } = await call<{ password: string }>(
              'PUT',
              `/users/${encodeURIComponent(name)}/password`,
              {},
            );
            onPassword(name, password);
          }}
        />
        <Confirm
          label="Remove"
          subject={name}
          question="Its streams end now, and it cannot come in any more."
          act={() => call('DELETE', `/users/${encodeURIComponent(name)}`).then(onRemoved)}
        />
      </td>
    </tr>
  );
};

export const Users = () => {
  const [users, setUsers] = useState<readonly User[]>([]);
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<{ readonly name: string; readonly password: string }>();
  const load = (): Promise<void> => call<readonly User[]>('GET', '/users').then(setUsers, () => undefined);
  useEffect(() => {
    void load();
    const timer = setInterval(() => void load(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const show = (name: string, password: string): void => {
    setAdding(false);
    setMade({ name, password });
    void load();
  };
  return (
    <>
      <div class="title">
        <h1>Users</h1>
        <button type="button" class="primary" onClick={() => setAdding(true)}>
          Add a user
        </button>
      </div>
      {adding && <AddDialog onMade={show} onClose={() => setAdding(false)} />}
      {made !== undefined && <Made {...made} onClose={() => setMade(undefined)} />}
      {users.length === 0 ? (
        <Empty>There are no users.</Empty>
      ) : (
        <ScrollTable label="Users" columns={COLUMNS}>
          {users.map((user) => (
            <Row key={user.name} user={user} onPassword={show} onRemoved={load} />
          ))}
        </ScrollTable>
      )}
    </>
  );
};
