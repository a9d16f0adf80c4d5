// How each kind of client is set up, with the host and port that this server really has.

import { useState } from 'preact/hooks';
import { address } from './format.ts';
import { locals, role } from './live.ts';
import { Code } from './parts.tsx';

interface Place {
  readonly host: string;
  readonly port: number;
  readonly at: string;
  readonly local: string;
}

interface Recipe {
  readonly name: string;
  readonly steps: (place: Place) => readonly (string | { readonly code: string })[];
}

const RECIPES: readonly Recipe[] = [
  {
    name: 'curl',
    steps: ({ at, local }) => [
      'Any port of the machine where the local runs, by the name of the local. socks5h lets the far end resolve names.',
      { code: `curl --proxy 'socks5h://USER:PASSWORD@${at}' http://${local}.depot:9091/` },
    ],
  },
  {
    name: 'Browser',
    steps: ({ at, local }) => [
      'Give this as automatic proxy configuration. Only names that end in .depot go through the server, and the browser asks for user and password:',
      { code: `http://${at}/proxy.pac` },
      'Firefox: Settings, Network Settings, Automatic proxy configuration URL. Chrome takes it from the system, or when started as:',
      { code: `chromium --proxy-pac-url=http://${at}/proxy.pac` },
      `Then open http://${local}.depot:9091/.`,
    ],
  },
  {
    name: 'Transmission',
    steps: ({ at, local }) => [
      'transmission-remote takes the proxy from the environment:',
      { code: `http_proxy='socks5h://USER:PASSWORD@${at}' transmission-remote ${local}.depot:9091 -l` },
    ],
  },
  {
    name: 'ssh',
    steps: ({ at, local }) => [
      'In ~/.ssh/config; ncat comes with nmap:',
      {
        code: `Host *.depot\n  ProxyCommand ncat --proxy ${at} --proxy-type socks5 --proxy-auth USER:PASSWORD --proxy-dns remote %h %p`,
      },
      { code: `ssh ${local}.depot` },
    ],
  },
  {
    name: 'git',
    steps: ({ at, local }) => [
      'Over HTTP, for everything under this name:',
      { code: `git config --global http.http://${local}.depot/.proxy 'socks5h://USER:PASSWORD@${at}'` },
      { code: `git clone http://${local}.depot/repository.git` },
      'Over ssh: as for ssh.',
    ],
  },
  {
    name: 'Phone',
    steps: ({ host, port, local }) => [
      `In an app that has a proxy setting of its own: type SOCKS5, host ${host}, port ${port}, your user and password, and names resolved by the proxy.`,
      'For all apps: a SOCKS client that makes a VPN of it (on Android Super Proxy or NekoBox; on iOS Shadowrocket), with a rule that sends the domain suffix depot through it.',
      `Then open http://${local}.depot:9091/.`,
    ],
  },
];

export const Setup = () => {
  const [local, setLocal] = useState('');
  const [host, setHost] = useState('');
  const server = role.value;
  if (server?.role !== 'server') return null;
  const chosenHost = host || server.advertised;
  const chosenLocal = local || (locals.value.find(({ connected }) => connected) ?? locals.value[0])?.name || 'nas';
  const port = server.ports.socks;
  const place = { host: chosenHost, port, at: address({ host: chosenHost, port }), local: chosenLocal };
  return (
    <>
      <div class="title">
        <h1>Set up a client</h1>
        <label>
          Server{' '}
          <input
            value={chosenHost}
            onInput={({ currentTarget }) => setHost(currentTarget.value.trim())}
            spellcheck={false}
          />
        </label>
        <label>
          Local{' '}
          <select value={chosenLocal} onChange={({ currentTarget }) => setLocal(currentTarget.value)}>
            {locals.value.length === 0 && <option>nas</option>}
            {locals.value.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      <p>
        Put your own user and password in place of USER and PASSWORD; <a href="#/users">Users</a> makes one. Between a
        client and the SOCKS port nothing is encrypted but what the app encrypts itself.
      </p>
      <div class="recipes">
        {RECIPES.map(({ name, steps }) => (
          <section key={name} aria-labelledby={`recipe-${name}`}>
            <h2 id={`recipe-${name}`}>{name}</h2>
            {steps(place).map((step, index) =>
              typeof step === 'string' ? <p key={index}>{step}</p> : <Code key={index} text={step.code} />,
            )}
          </section>
        ))}
      </div>
    </>
  );
};
