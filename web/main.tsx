// The dashboard: which page is shown, and whether the server is still there. Talks only to the API.

import { effect, signal } from '@preact/signals';
import { type FunctionComponent, render } from 'preact';
import { call, whenLoggedOut } from './api.ts';
import { Check } from './check.tsx';
import { Clients } from './clients.tsx';
import { connection, failures, follow, isServer, locals, loggedOut, role, running, session } from './live.ts';
import { LinkPage } from './link.tsx';
import { Locals } from './locals.tsx';
import { Login } from './login.tsx';
import { Overview } from './overview.tsx';
import { Setup } from './setup.tsx';
import { StreamsPage } from './streams.tsx';
import { Users } from './users.tsx';

interface PageEntry {
  readonly path: string;
  readonly title: string;
  readonly page: FunctionComponent;
}

const STREAMS: PageEntry = { path: 'streams', title: 'Streams', page: StreamsPage };
const SERVER_PAGES: readonly PageEntry[] = [
  { path: '', title: 'Overview', page: Overview },
  { path: 'locals', title: 'Locals', page: Locals },
  STREAMS,
  { path: 'clients', title: 'Clients', page: Clients },
  { path: 'users', title: 'Users', page: Users },
  { path: 'check', title: 'Check', page: Check },
  { path: 'setup', title: 'Set-up', page: Setup },
];

const LINK_PAGES: readonly PageEntry[] = [{ path: '', title: 'Link', page: LinkPage }, STREAMS];

const pathOf = (): string => location.hash.replace(/^#\/?/, '').split('?')[0] ?? '';
const path = signal(pathOf());
addEventListener('hashchange', () => {
  path.value = pathOf();
});

/** `local nas`, `client alice/laptop`. */
const whoOf = (status: typeof role.value): string => {
  if (status === undefined || status.role === 'server') return '';
  return `${status.role} ${status.role === 'client' ? `${status.user}/` : ''}${status.name}`;
};

const Badge = ({ page }: { readonly page: string }) => {
  const away = locals.value.filter(({ connected }) => !connected).length;
  if (page === 'streams') return <span class="badge">{running.value}</span>;
  if (page === 'locals' && away > 0) return <span class="badge bad">{away} away</span>;
  if (page === '' && failures.value.length > 0) return <span class="badge warn">!</span>;
  return null;
};

const Live = () => (
  <span class={`live ${connection.value}`} role="status">
    {connection.value === 'live' ? 'live' : connection.value === 'lost' ? 'server lost, trying again' : 'connecting'}
  </span>
);

const logOut = (): void => {
  call('DELETE', '/session').then(loggedOut, loggedOut);
};

const App = () => {
  if (session.value === 'unknown') return <main class="login" aria-busy="true" />;
  if (session.value === 'out') return <Login />;
  const pages = isServer.value ? SERVER_PAGES : LINK_PAGES;
  const current = pages.find((page) => page.path === path.value) ?? pages[0];
  const Page = current?.page ?? Overview;
  return (
    <>
      <header class="top">
        <a class="brand" href="#/">
          depot{!isServer.value && <small> {whoOf(role.value)}</small>}
        </a>
        <nav aria-label="Pages">
          {pages.map(({ path: target, title }) => (
            <a key={target} href={`#/${target}`} aria-current={target === current?.path ? 'page' : undefined}>
              {title} <Badge page={target} />
            </a>
          ))}
        </nav>
        <Live />
        <button type="button" class="quiet" onClick={logOut}>
          Log out
        </button>
      </header>
      <main>
        <Page />
      </main>
    </>
  );
};

effect(() => {
  const away = locals.value.filter(({ connected }) => !connected).length;
  const who = whoOf(role.value);
  document.title = `${away > 0 ? `(${away} away) ` : ''}depot${who === '' ? '' : ` ${who}`}`;
});
whenLoggedOut(loggedOut);
follow();
const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
