// Why a target can or cannot be reached, step by step.

import { useState } from 'preact/hooks';
import type { CheckQuestion, CheckResult, CheckStep, CheckStepName } from '../src/watch/check.ts';
import { call, fieldOf } from './api.ts';
import { type Column, ScrollTable } from './table.tsx';

const TITLES: Readonly<Record<CheckStepName, string>> = {
  'identity': 'Identity',
  'route': 'Route',
  'server-rules': 'Rules of the server',
  'dns': 'DNS at the local',
  'local-rules': 'Rules of the local',
  'dial': 'Dial',
  'first-byte': 'First byte',
};

const Verdict = ({ verdict }: Pick<CheckStep, 'verdict'>) => {
  if (verdict === 'skipped') return <span class="muted">–</span>;
  return <span class={verdict === 'passed' ? 'state ok' : 'state bad'}>{verdict}</span>;
};

const COLUMNS: readonly Column[] = [
  { title: 'Step' },
  { title: 'Verdict' },
  { title: 'Time', kind: 'number' },
  { title: 'Why' },
];

const Steps = ({ result: { target, local, allowed, reply, steps } }: { readonly result: CheckResult }) => (
  <>
    <p role="status">
      <strong>{target}</strong>
      {local !== null && ` through ${local}`} {allowed ? 'can be reached' : 'cannot be reached'} (REP {reply}).
    </p>
    {steps.map(({ step, advice }) => advice !== null && <p key={step}>{advice}</p>)}
    <ScrollTable label="Steps" columns={COLUMNS}>
      {steps.map(({ step, verdict, ms, reason }) => (
        <tr key={step}>
          <th scope="row">{TITLES[step]}</th>
          <td>
            <Verdict verdict={verdict} />
          </td>
          <td class="number">{ms === null ? '–' : `${ms.toFixed(1)} ms`}</td>
          <td>{reason}</td>
        </tr>
      ))}
    </ScrollTable>
  </>
);

export const Check = () => {
  const [result, setResult] = useState<CheckResult>();
  const [failure, setFailure] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const [target, user, local] = ['target', 'user', 'local'].map((name) => fieldOf(event, name).trim());
    const question: CheckQuestion = { target: target ?? '', ...(user && { user }), ...(local && { local }) };
    setBusy(true);
    setFailure('');
    setResult(undefined);
    call<CheckResult>('POST', '/check', question)
      .then(setResult, (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)))
      .finally(() => setBusy(false));
  };
  return (
    <>
      <form class="title" onSubmit={submit}>
        <h1>Check</h1>
        <label>
          Target <input name="target" placeholder="nas.depot:9091" required spellcheck={false} autocapitalize="none" />
        </label>
        <label>
          User <input name="user" placeholder="none" spellcheck={false} autocapitalize="none" />
        </label>
        <label>
          Local <input name="local" placeholder="by the target" spellcheck={false} autocapitalize="none" />
        </label>
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Trying…' : 'Check'}
        </button>
      </form>
      <p class="muted">The target is really dialed, the way a stream goes, and closed again.</p>
      {failure !== '' && (
        <p role="alert" class="bad">
          {failure}
        </p>
      )}
      {result !== undefined && <Steps result={result} />}
    </>
  );
};
