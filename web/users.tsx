import { useEffect, useState } from 'preact/hooks';
import { call, fieldOf } from './api.ts';
import { bytes, dateAndTime } from './format.ts';
import { Code, Confirm, Dialog, Empty } from './parts.tsx';

interface User {
  readonly name: string;
  readonly locals: readonly string[];
  readonly running: number;
  readonly usage: {
    readonly streams: number;
    readonly failures: number;
    readonly bytesUp: number;
    readonly bytesDown: number;
    readonly lastAt: number;
  };
}

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
        <div class="scroll" tabIndex={0} role="region" aria-label="Users">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">User</th>
                <th scope="col">Locals</th>
                <th scope="col" class="number">
                  Running
                </th>
                <th scope="col" class="number">
                  Streams
                </th>
                <th scope="col" class="number">
                  Failed
                </th>
                <th scope="col" class="number">
                  Up
                </th>
                <th scope="col" class="number">
                  Down
                </th>
                <th scope="col">Last seen</th>
                <th scope="col">
                  <span class="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {users.map(({ name, locals, running, usage }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{locals.length === 0 ? 'all' : locals.join(', ')}</td>
                  <td class="number">{running}</td>
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
                        show(name, password);
                      }}
                    />
                    <Confirm
                      label="Remove"
                      subject={name}
                      question="Its streams end now, and it cannot come in any more."
                      act={() => call('DELETE', `/users/${encodeURIComponent(name)}`).then(load)}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
};
