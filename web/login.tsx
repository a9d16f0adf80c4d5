import { useState } from 'preact/hooks';
import { call, fieldOf } from './api.ts';
import { follow } from './live.ts';

export const Login = () => {
  const [failure, setFailure] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const password = fieldOf(event, 'password');
    setBusy(true);
    setFailure('');
    call('POST', '/session', { password })
      .then(follow, (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)))
      .finally(() => setBusy(false));
  };
  return (
    <main class="login">
      <h1>depot</h1>
      <form onSubmit={submit}>
        <label for="password">Password of this page</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required autofocus />
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Checking…' : 'Log in'}
        </button>
        <p role="alert" class="bad">
          {failure}
        </p>
      </form>
      <p class="muted">
        It was printed at the first start. <code>depot web passwd</code> makes a new one.
      </p>
    </main>
  );
};
