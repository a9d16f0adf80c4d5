// Small things that several pages show.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { encode } from 'uqr';
import { fieldOf } from './api.ts';
import { dateAndTime } from './format.ts';

/** Round trips as a small line; the number beside it is what counts, so it is hidden from screen readers. */
export const Sparkline = ({ values }: { readonly values: readonly number[] }) => {
  if (values.length < 2) return <svg class="spark" aria-hidden="true" viewBox="0 0 90 20" />;
  const most = Math.max(...values) * 1.1;
  const points = values.map((value, index) => `${(index / (values.length - 1)) * 90},${19 - (value / most) * 18}`);
  return (
    <svg class="spark" aria-hidden="true" viewBox="0 0 90 20" preserveAspectRatio="none">
      <polyline points={points.join(' ')} />
    </svg>
  );
};

export const Dot = ({ up }: { readonly up: boolean }) => (
  <span class={up ? 'state ok' : 'state bad'}>{up ? 'up' : 'away'}</span>
);

export const Empty = ({ children }: { readonly children: ComponentChildren }) => <p class="empty">{children}</p>;

/** One number that counts. */
export const Figure = ({
  label,
  tone,
  children,
}: {
  readonly label: string;
  readonly tone?: string;
  readonly children: ComponentChildren;
}) => (
  <div class={`figure ${tone ?? ''}`}>
    <dt>{label}</dt>
    <dd>{children}</dd>
  </div>
);

/** Copies, and says that it did. */
const CopyButton = ({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) => {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    });
  };
  return (
    <button type="button" onClick={copy}>
      <span aria-live="polite">{copied ? 'Copied' : label}</span>
    </button>
  );
};

export const Code = ({ text }: { readonly text: string }) => (
  <div class="code">
    <pre tabIndex={0}>{text}</pre>
    <CopyButton text={text} />
  </div>
);

const QrCode = ({ text, label }: { readonly text: string; readonly label: string }) => {
  const { size, data } = encode(text, { border: 2 });
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
};

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** The browser's own: it keeps the focus inside, and Escape closes it. */
export const Dialog = ({ title, onClose, children }: DialogProps) => {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before anything is painted: whoever types on at once types into it.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={title}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      {children}
    </dialog>
  );
};

interface ConfirmProps {
  readonly label: string;
  /** What will happen. */
  readonly question: string;
  /** Which one, for those who do not see the row. */
  readonly subject: string;
  readonly act: () => Promise<void>;
}

/** A button for what cannot be taken back: it asks first, and says when it failed. */
export const Confirm = ({ label, question, subject, act }: ConfirmProps) => {
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState('');
  const go = (): void => {
    act().then(
      () => setAsking(false),
      (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
    );
  };
  return (
    <>
      <button type="button" class="quiet" aria-label={`${label} ${subject}`} onClick={() => setAsking(true)}>
        {label}
      </button>
      {asking && (
        <Dialog title={`${label} ${subject}?`} onClose={() => setAsking(false)}>
          <p>{question}</p>
          {failure !== '' && <p role="alert">{failure}</p>}
          <button type="button" class="danger" onClick={go}>
            {label}
          </button>
        </Dialog>
      )}
    </>
  );
};

interface JoiningProps {
  readonly title: string;
  /** What is asked for before there is a link. */
  readonly label: string;
  readonly placeholder: string;
  readonly role: 'local' | 'client';
  readonly ask: (event: SubmitEvent) => Promise<{ readonly link: string; readonly expiresAt: number }>;
  readonly onClose: () => void;
}

/** Makes a join link and shows it, once. */
export const Joining = ({ title, label, placeholder, role, ask, onClose }: JoiningProps) => {
  const [made, setMade] = useState<{ readonly name: string; readonly link: string; readonly expiresAt: number }>();
  const [failure, setFailure] = useState('');
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const name = fieldOf(event, 'name');
    setFailure('');
    ask(event).then(
      (invitation) => setMade({ ...invitation, name }),
      (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
    );
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {made === undefined ? (
        <form onSubmit={submit}>
          <label for="name">{label}</label>
          <input
            id="name"
            name="name"
            required
            autofocus
            autocomplete="off"
            placeholder={placeholder}
            spellcheck={false}
          />
          <button type="submit" class="primary">
            Make a link
          </button>
          <p role="alert" class="bad">
            {failure}
          </p>
        </form>
      ) : (
        <>
          <p>
            On the machine {role === 'local' ? 'that shall be' : 'of'} <strong>{made.name}</strong>. Good once, until{' '}
            {dateAndTime(made.expiresAt)}; shown only now.
          </p>
          <Code text={`depot ${role} '${made.link}'`} />
          <QrCode text={made.link} label={`The join link for ${made.name} as a QR code`} />
        </>
      )}
    </Dialog>
  );
};

/** A name in a row that leads to all there is to say of it. */
export const Details = ({
  name,
  title,
  children,
}: {
  readonly name: string;
  readonly title: string;
  readonly children: ComponentChildren;
}) => {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="name" title={name} onClick={() => setOpen(true)}>
        {name}
      </button>
      {open && (
        <Dialog title={title} onClose={() => setOpen(false)}>
          {children}
        </Dialog>
      )}
    </>
  );
};
